/* The Python face: the module himaya.core.kernel._kernel. */
#include <string.h>

#include "kernel.h"
#include "pdq.h"

#ifndef HIMAYA_BUILT_FROM
#define HIMAYA_BUILT_FROM ""
#endif
#ifndef HIMAYA_BUILT_BY
#define HIMAYA_BUILT_BY ""
#endif

int take_arguments(const char *function, Py_ssize_t given, Py_ssize_t wanted) {
    if (given == wanted) return 1;
    PyErr_Format(PyExc_ValueError, "%s takes %zd arguments, not %zd", function, wanted, given);
    return 0;
}

int take_buffer(PyObject *from, Py_buffer *into, const char *types, int ndim, int writable, const char *what) {
    if (PyObject_GetBuffer(from, into, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0) return -1;
    const char *type = into->format ? into->format : "B";
    if (into->ndim == ndim && strlen(type) == 1 && strchr(types, *type)) return 0;
    PyErr_Format(PyExc_ValueError, "%s: an array of type %s with %d dimensions is needed, not %s with %d", what, types, ndim, type,
                 into->ndim);
    PyBuffer_Release(into);
    return -1;
}

static PyObject *instruction_sets(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module, (void)arguments;
    if (!take_arguments("instruction_sets", given, 0)) return NULL;
    const Kernel *found[3];
    int number = kernels_here(found);
    PyObject *names = PyTuple_New(number);
    for (int i = 0; names && i < number; i++) PyTuple_SetItem(names, i, PyUnicode_FromString(found[i]->name));
    return names;
}

static PyObject *in_use(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module, (void)arguments;
    return take_arguments("in_use", given, 0) ? PyUnicode_FromString(kernel()->name) : NULL;
}

static PyObject *use(PyObject *module, PyObject *const *arguments, Py_ssize_t given) {
    (void)module;
    if (!take_arguments("use", given, 1)) return NULL;
    const char *name = PyUnicode_AsUTF8AndSize(arguments[0], NULL);
    if (!name) return NULL;
    if (!kernel_use(name)) return PyErr_Format(PyExc_ValueError, "this processor has no %s", name);
    Py_IncRef(Py_None);
    return Py_None;
}

static PyMethodDef module_methods[] = {
    {"instruction_sets", FAST(instruction_sets), METH_FASTCALL, "Those this processor has, best last."},
    {"in_use", FAST(in_use), METH_FASTCALL, "The one in use."},
    {"use", FAST(use), METH_FASTCALL, "Use another one from now on."},
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module) {
    kernel_use(NULL);
    ring_make_masks();
    pdq_prepare();
    if (PyModule_AddStringConstant(module, "BUILT_FROM", HIMAYA_BUILT_FROM) < 0) return -1;
    if (PyModule_AddStringConstant(module, "BUILT_BY", HIMAYA_BUILT_BY) < 0) return -1;
    if (PyModule_AddFunctions(module, ring_methods) < 0 || PyModule_AddFunctions(module, search_methods) < 0) return -1;
    if (PyModule_AddFunctions(module, pdq_methods) < 0) return -1;
    return PyModule_AddFunctions(module, module_methods);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)fill}, {0, NULL}};

static PyModuleDef definition = {
    .m_base = {.ob_refcnt = 1},
    .m_name = "_kernel",
    .m_doc = "The C kernel; see himaya.core.kernel.",
    .m_slots = slots,
};

__attribute__((visibility("default"))) PyObject *PyInit__kernel(void);
PyObject *PyInit__kernel(void) {
    return PyModuleDef_Init(&definition);
}
