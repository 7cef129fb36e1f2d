/* A CUDA driver over host memory: one GPU that calls itself Orin. See tests/targets/tensorrt/test_runtime.py. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
static int blocks, contexts, streams, current;
int test_blocks(void) { return blocks; }
int test_contexts(void) { return contexts; }
int test_streams(void) { return streams; }
int cuInit(unsigned flags) { return flags ? 1 : 0; }
int cuDriverGetVersion(int *version) { *version = 12060; return 0; }
int cuDeviceGet(int *device, int ordinal) { if (ordinal) return 101; *device = 7; return 0; }
int cuDeviceGetName(char *name, int size, int device) { strncpy(name, "Orin", size); return device != 7; }
int cuDeviceGetAttribute(int *value, int which, int device) {
    *value = which == 75 ? 8 : which == 76 ? 7 : -1; return device != 7; }
int cuDevicePrimaryCtxRetain(void **context, int device) {
    *context = &contexts; contexts++; return device != 7; }
int cuDevicePrimaryCtxRelease_v2(int device) { contexts--; return device != 7; }
int cuCtxSetCurrent(void *context) { current = context == &contexts; return !current; }
int cuStreamCreate(void **stream, unsigned flags) { *stream = &streams; streams++; return flags; }
int cuStreamDestroy_v2(void *stream) { streams--; return stream != &streams; }
int cuStreamSynchronize(void *stream) { return stream != &streams; }
int cuMemAlloc_v2(uint64_t *address, size_t size) {
    if (!current) return 201;
    if (size > (size_t)1 << 40) return 2;
    *address = (uint64_t)malloc(size); blocks++; return 0; }
int cuMemFree_v2(uint64_t address) { free((void *)address); blocks--; return 0; }
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, void *stream) {
    memcpy((void *)to, from, size); return stream != &streams; }
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, void *stream) {
    memcpy(to, (void *)from, size); return stream != &streams; }
int cuGetErrorString(int error, const char **text) {
    if (error != 2 && error != 101) return 1;
    *text = error == 2 ? "out of memory" : "invalid device ordinal"; return 0; }
