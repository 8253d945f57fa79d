#define SET plain
#include "set_body.h"
