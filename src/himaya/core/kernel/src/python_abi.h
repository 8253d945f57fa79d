/* The part of Python's stable ABI (PEP 384, PEP 652; the buffer protocol is in it since 3.11) that this extension uses.
 *
 * Declared here, so that it can be built on a machine that has Python but not its headers (no python3-dev), and so that
 * one build serves every Python from 3.11 on. Nothing here may change within Python 3: that is what "stable" promises.
 * Names are Python's; see https://docs.python.org/3/c-api/stable.html for what each does.
 */
#ifndef HIMAYA_PYTHON_ABI_H
#define HIMAYA_PYTHON_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef intptr_t Py_ssize_t;
typedef struct _object PyObject;      /* never looked into */
typedef struct _ts PyThreadState;     /* never looked into */

/* --- the module (multi-phase initialisation, PEP 489) --- */

typedef PyObject *(*PyCFunction)(PyObject *, PyObject *);
typedef PyObject *(*PyFastFunction)(PyObject *, PyObject *const *, Py_ssize_t); /* METH_FASTCALL, PEP 590 */

typedef struct PyMethodDef {
    const char *ml_name;
    PyCFunction ml_meth;
    int ml_flags;
    const char *ml_doc;
} PyMethodDef;

#define METH_FASTCALL 0x0080
#define FAST(function) ((PyCFunction)(void (*)(void))(function))

typedef struct PyModuleDef_Slot {
    int slot;
    void *value;
} PyModuleDef_Slot;

#define Py_mod_exec 2

typedef struct PyModuleDef {
    struct {
        Py_ssize_t ob_refcnt;
        void *ob_type;
        PyObject *(*m_init)(void);
        Py_ssize_t m_index;
        PyObject *m_copy;
    } m_base;
    const char *m_name;
    const char *m_doc;
    Py_ssize_t m_size;
    PyMethodDef *m_methods;
    PyModuleDef_Slot *m_slots;
    void *m_traverse, *m_clear, *m_free;
} PyModuleDef;

extern PyObject *PyModuleDef_Init(PyModuleDef *);
extern int PyModule_AddFunctions(PyObject *, PyMethodDef *);
extern int PyModule_AddStringConstant(PyObject *, const char *, const char *);

/* --- the buffer protocol (PEP 3118) --- */

typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len; /* bytes */
    Py_ssize_t itemsize;
    int readonly;
    int ndim;
    char *format;
    Py_ssize_t *shape;
    Py_ssize_t *strides;
    Py_ssize_t *suboffsets;
    void *internal;
} Py_buffer;

#define PyBUF_WRITABLE 0x0001
#define PyBUF_FORMAT 0x0004
#define PyBUF_ND 0x0008
#define PyBUF_STRIDES (0x0010 | PyBUF_ND)
#define PyBUF_C_CONTIGUOUS (0x0020 | 0x0010 | PyBUF_ND)

extern int PyObject_GetBuffer(PyObject *, Py_buffer *, int);
extern void PyBuffer_Release(Py_buffer *);
extern int PyObject_CheckBuffer(PyObject *);

/* --- objects --- */

extern void Py_IncRef(PyObject *);
extern void Py_DecRef(PyObject *);
extern PyObject _Py_NoneStruct;
#define Py_None (&_Py_NoneStruct)

struct _object { Py_ssize_t head[2]; }; /* so that None has an address; its fields are never used */

extern PyObject *PyLong_FromLongLong(long long);
extern long long PyLong_AsLongLong(PyObject *);
extern PyObject *PyList_New(Py_ssize_t);
extern int PyList_SetItem(PyObject *, Py_ssize_t, PyObject *);
extern PyObject *PyTuple_New(Py_ssize_t);
extern int PyTuple_SetItem(PyObject *, Py_ssize_t, PyObject *);
extern Py_ssize_t PyTuple_Size(PyObject *);
extern PyObject *PyTuple_GetItem(PyObject *, Py_ssize_t);
extern PyObject *PyUnicode_FromString(const char *);
extern const char *PyUnicode_AsUTF8AndSize(PyObject *, Py_ssize_t *);
extern PyObject *PyBytes_FromStringAndSize(const char *, Py_ssize_t);
extern char *PyBytes_AsString(PyObject *);
extern PyObject *PyByteArray_FromStringAndSize(const char *, Py_ssize_t);
extern char *PyByteArray_AsString(PyObject *);

typedef void (*PyCapsule_Destructor)(PyObject *);
extern PyObject *PyCapsule_New(void *, const char *, PyCapsule_Destructor);
extern void *PyCapsule_GetPointer(PyObject *, const char *);

/* --- errors, and the lock --- */

extern PyObject *PyExc_ValueError;
extern PyObject *PyErr_Occurred(void);
extern void PyErr_Clear(void);
extern void PyErr_SetString(PyObject *, const char *);
extern PyObject *PyErr_Format(PyObject *, const char *, ...);
extern PyObject *PyErr_NoMemory(void);

extern PyThreadState *PyEval_SaveThread(void); /* lets other threads of Python run … */
extern void PyEval_RestoreThread(PyThreadState *); /* … and comes back */

#endif
