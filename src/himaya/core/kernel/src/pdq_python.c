/* The Python face of PDQ: pdq(pixels, height, width, scale, every) -> (values, quality, repeated). */
#include "kernel.h"
#include "pdq.h"

/* Samples of one byte, height x width x channels, those of a row side by side; rows may lie further apart. */
static int take_picture(PyObject *from, Py_buffer *into, pdq_picture *picture) {
    if (PyObject_GetBuffer(from, into, PyBUF_STRIDES) < 0) return -1;
    const Py_ssize_t *shape = into->shape, *strides = into->strides;
    if (into->itemsize == 1 && into->ndim == 3 && shape[0] > 0 && shape[1] > 0 && shape[0] <= PDQ_LONGEST &&
        shape[1] <= PDQ_LONGEST && (shape[2] == 1 || shape[2] == 3 || shape[2] == 4) && strides[2] == 1 &&
        strides[1] == shape[2] && (strides[0] >= shape[1] * shape[2] || shape[0] == 1)) {
        picture->samples = into->buf;
        picture->stride = strides[0];
        picture->height = (int)shape[0];
        picture->width = (int)shape[1];
        picture->channels = (int)shape[2];
        return 0;
    }
    PyBuffer_Release(into);
    PyErr_SetString(PyExc_ValueError, "pixels: height x width x 1, 3 or 4 bytes are needed, each row in one piece");
    return -1;
}

/* A whole number between two others; -1 with an exception. */
static int take_number(PyObject *from, int low, int high, const char *what) {
    long long number = PyLong_AsLongLong(from);
    if (number == -1 && PyErr_Occurred()) return -1;
    if (number >= low && number <= high) return (int)number;
    PyErr_Format(PyExc_ValueError, "%s: %d to %d, not %lld", what, low, high, number);
    return -1;
}

static int take_size(PyObject *const *arguments, pdq_picture *picture) {
    if ((picture->scale = take_number(arguments[3], 1, 8, "scale")) < 0) return -1;
    int scale = picture->scale;
    picture->full_height = take_number(arguments[1], (picture->height - 1) * scale + 1, picture->height * scale, "height");
    if (picture->full_height < 0) return -1;
    picture->full_width = take_number(arguments[2], (picture->width - 1) * scale + 1, picture->width * scale, "width");
    return picture->full_width < 0 ? -1 : 0;
}

static PyObject *answer(const pdq_result *result, int every) {
    PyObject *tuple = PyTuple_New(3);
    if (!tuple) return NULL;
    Py_ssize_t bytes = every ? (Py_ssize_t)sizeof result->values : PDQ_BYTES;
    PyTuple_SetItem(tuple, 0, PyBytes_FromStringAndSize((const char *)result->values, bytes));
    PyTuple_SetItem(tuple, 1, PyLong_FromLongLong(result->quality));
    PyTuple_SetItem(tuple, 2, PyLong_FromLongLong(result->repeated));
    return PyErr_Occurred() ? (Py_DecRef(tuple), NULL) : tuple;
}

static PyObject *pdq(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module;
    Py_buffer buffer;
    pdq_picture picture;
    pdq_result result;
    if (!take_arguments("pdq", given, 5) || take_picture(arguments[0], &buffer, &picture) < 0) return NULL;
    int every = -1, failed = 0;
    if (take_size(arguments, &picture) == 0 && (every = take_number(arguments[4], 0, 1, "every")) >= 0) {
        PyThreadState *thread = PyEval_SaveThread();
        failed = pdq_compute(&picture, every, &result);
        PyEval_RestoreThread(thread);
    }
    PyBuffer_Release(&buffer);
    if (every < 0) return NULL;
    return failed ? PyErr_NoMemory() : answer(&result, every);
}

PyMethodDef pdq_methods[] = {
    {"pdq", FAST(pdq), METH_FASTCALL, "Values, quality, and whether the reference's own steps were taken."},
    {NULL, NULL, 0, NULL},
};
