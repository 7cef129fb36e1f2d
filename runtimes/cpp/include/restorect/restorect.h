/* C interface of the library, for other languages.
 *
 * Every function returns a code; `restorect_last_error` has the text of this thread's last failure. Handles
 * are opaque, and closing NULL does nothing. Any number of threads may use one runtime: their calls wait for
 * each other. A video is for one thread at a time, and another gets RESTORECT_USAGE. Close a handle after
 * its last call has returned.
 */
#ifndef RESTORECT_H
#define RESTORECT_H

#include <stddef.h>
#include <stdint.h>

#include "restorect/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The exit codes of the project's command line. */
enum {
  RESTORECT_OK = 0,
  RESTORECT_USAGE = 1,        /* a wrong path, option, frame or buffer */
  RESTORECT_QUALITY = 2,      /* not returned by this library */
  RESTORECT_MISSING = 3,      /* a library that is needed is not installed */
  RESTORECT_INCOMPATIBLE = 4, /* an artifact or size that cannot be used here */
  RESTORECT_BACKEND = 5       /* the back end failed, or the device is absent */
};

/* Layouts of frames; see restorect/frame.hpp. */
enum {
  RESTORECT_RGB = 0,
  RESTORECT_BGR = 1,
  RESTORECT_BGRA = 2,
  RESTORECT_NV12 = 3,
  RESTORECT_YUYV = 4, /* YUY2 */
  RESTORECT_RGBA = 5,
  RESTORECT_ARGB = 6,
  RESTORECT_ABGR = 7,
  RESTORECT_RGBX = 8,
  RESTORECT_BGRX = 9,
  RESTORECT_XRGB = 10,
  RESTORECT_XBGR = 11,
  RESTORECT_GRAY8 = 12,
  RESTORECT_NV21 = 13,
  RESTORECT_NV16 = 14,
  RESTORECT_NV61 = 15,
  RESTORECT_NV24 = 16,
  RESTORECT_I420 = 17,
  RESTORECT_YV12 = 18,
  RESTORECT_I422 = 19,
  RESTORECT_I444 = 20,
  RESTORECT_UYVY = 21,
  RESTORECT_YVYU = 22,
  RESTORECT_VYUY = 23,
  RESTORECT_P010 = 24,
  RESTORECT_I420P10 = 25
};
enum { RESTORECT_BT601 = 0, RESTORECT_BT709 = 1, RESTORECT_BT2020 = 2, RESTORECT_SMPTE240M = 3 };
enum { RESTORECT_FULL = 0, RESTORECT_LIMITED = 1 };

/* Where a plane lies in a buffer. */
typedef struct restorect_plane {
  size_t offset; /* byte of its first row */
  size_t stride; /* bytes from a row to the next */
} restorect_plane;

/* What a buffer of bytes holds; see restorect/frame.hpp. Zeroed fields mean rows without padding, BT.601 and
 * full range. */
typedef struct restorect_format {
  int32_t layout; /* RESTORECT_RGB … */
  int32_t width;
  int32_t height;
  int32_t matrix;            /* RESTORECT_BT601 or RESTORECT_BT709; Y'CbCr only */
  int32_t range;             /* RESTORECT_FULL or RESTORECT_LIMITED; Y'CbCr only */
  size_t stride;             /* bytes from a row to the next; 0: rows without padding */
  int32_t slice_height;      /* rows that the first plane has room for; 0: height */
  int32_t plane_count;       /* 0, or how many planes the layout has: */
  restorect_plane planes[3]; /* where they are, if not one after the other */
} restorect_format;

/* A frame to read, and one to write. */
typedef struct restorect_frame {
  restorect_format format;
  const uint8_t* data;
  size_t size; /* bytes of the buffer */
} restorect_frame;

typedef struct restorect_buffer {
  restorect_format format;
  uint8_t* data;
  size_t size;
} restorect_buffer;

typedef struct restorect_runtime restorect_runtime;
typedef struct restorect_video restorect_video;

/* Text of this thread's last failure, empty before the first; valid until its next call. Never NULL. */
RESTORECT_API const char* restorect_last_error(void);

/* Load and check an artifact directory. `device`: NULL is "auto"; `threads`: 0 leaves it to the back end. */
RESTORECT_API int restorect_open(const char* artifact, const char* device, int threads,
                                 restorect_runtime** runtime);
RESTORECT_API void restorect_close(restorect_runtime* runtime);

/* Restore a frame into a buffer of its own, `restorect_scale` times as large, in any layout. `tile`: side of
 * what each tile contributes; 0 tiles large frames only. */
RESTORECT_API int restorect_restore(restorect_runtime* runtime, const restorect_frame* from,
                                    const restorect_buffer* to, int tile);

/* Output side over input side; 0 for NULL. */
RESTORECT_API int restorect_scale(const restorect_runtime* runtime);
/* What really runs, and why results may be poor here (empty: no reason). Valid until this thread's next
 * call of either; "" for NULL. */
RESTORECT_API const char* restorect_provider(restorect_runtime* runtime);
RESTORECT_API const char* restorect_warning(restorect_runtime* runtime);

/* The frames of one video, in order: the prior every `prior_every` frames, `smooth` the share of its latent
 * kept from frame to frame, from 0 (none) to below 1. It may outlive its runtime's handle. */
RESTORECT_API int restorect_video_open(restorect_runtime* runtime, int prior_every, double smooth, int tile,
                                       restorect_video** video);
RESTORECT_API void restorect_video_close(restorect_video* video);
RESTORECT_API int restorect_video_restore(restorect_video* video, const restorect_frame* from,
                                          const restorect_buffer* to);
/* How often the prior ran, and how many cuts between scenes were seen; 0 for NULL. */
RESTORECT_API int restorect_video_priors(const restorect_video* video);
RESTORECT_API int restorect_video_cuts(const restorect_video* video);

/* Bytes that a buffer of this format has at least. */
RESTORECT_API int restorect_frame_size(const restorect_format* format, size_t* size);

/* Convert a frame to another format of the same size. */
RESTORECT_API int restorect_convert(const restorect_frame* from, const restorect_buffer* to);

#ifdef __cplusplus
}
#endif

#endif
