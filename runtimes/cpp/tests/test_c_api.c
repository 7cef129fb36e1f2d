/* The C interface, from C: what a caller in C does, and everything it can do wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "restorect/restorect.h"

#define EXPECT(condition)                                                             \
  do {                                                                                \
    if (!(condition)) {                                                               \
      fprintf(stderr, "%s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition, \
              restorect_last_error());                                                \
      exit(1);                                                                        \
    }                                                                                 \
  } while (0)

enum { WIDTH = 61, HEIGHT = 45, STRIDE = 192 };

static restorect_frame picture(uint8_t* data) {
  restorect_frame frame;
  memset(&frame, 0, sizeof frame);
  frame.format.width = WIDTH;
  frame.format.height = HEIGHT;
  frame.format.stride = STRIDE;
  EXPECT(restorect_frame_size(&frame.format, &frame.size) == RESTORECT_OK);
  frame.data = data;
  return frame;
}

static void check_errors(restorect_runtime* runtime, restorect_frame from, restorect_buffer to) {
  restorect_runtime* none = (restorect_runtime*)&from;
  size_t size = 0;
  EXPECT(restorect_open("/nowhere", NULL, 0, &none) == RESTORECT_USAGE);
  EXPECT(none == NULL);
  EXPECT(strstr(restorect_last_error(), "no artifact at '/nowhere'") != NULL);
  EXPECT(restorect_open(NULL, NULL, 0, &none) == RESTORECT_USAGE);
  EXPECT(restorect_open("/nowhere", NULL, 0, NULL) == RESTORECT_USAGE);
  EXPECT(restorect_restore(NULL, &from, &to, 0) == RESTORECT_USAGE);
  EXPECT(restorect_restore(runtime, NULL, &to, 0) == RESTORECT_USAGE);
  EXPECT(restorect_restore(runtime, &from, NULL, 0) == RESTORECT_USAGE);
  EXPECT(restorect_video_open(runtime, 0, 0.0, 0, NULL) == RESTORECT_USAGE);
  EXPECT(restorect_video_restore(NULL, &from, &to) == RESTORECT_USAGE);
  EXPECT(restorect_frame_size(NULL, &size) == RESTORECT_USAGE);
  EXPECT(restorect_scale(NULL) == 0 && restorect_video_cuts(NULL) == 0 && *restorect_provider(NULL) == '\0');
  from.size -= 1;
  EXPECT(restorect_restore(runtime, &from, &to, 0) == RESTORECT_USAGE);
  EXPECT(strstr(restorect_last_error(), "cut off") != NULL);
  from.format.layout = 77;
  EXPECT(restorect_restore(runtime, &from, &to, 0) == RESTORECT_USAGE);
  from.format.layout = RESTORECT_NV12;
  EXPECT(restorect_convert(&from, &to) == RESTORECT_USAGE);
  EXPECT(strstr(restorect_last_error(), "even") != NULL);
  restorect_close(NULL);
  restorect_video_close(NULL);
}

int main(int argc, char** argv) {
  static uint8_t input[STRIDE * HEIGHT], output[STRIDE * HEIGHT], streamed[STRIDE * HEIGHT];
  restorect_runtime* runtime = NULL;
  restorect_video* video = NULL;
  restorect_buffer to;
  restorect_frame from = picture(input);
  size_t i;
  EXPECT(argc == 2);
  for (i = 0; i < sizeof input; ++i) input[i] = (uint8_t)(i * 7 % 60);
  to.format = from.format;
  to.data = output;
  to.size = from.size;
  EXPECT(restorect_open(argv[1], "cpu", 1, &runtime) == RESTORECT_OK);
  EXPECT(restorect_scale(runtime) == 1);
  EXPECT(strlen(restorect_provider(runtime)) > 0);
  EXPECT(restorect_restore(runtime, &from, &to, 0) == RESTORECT_OK);
  EXPECT(output[0] != 0 || output[1] != 0);
  check_errors(runtime, from, to);
  EXPECT(restorect_video_open(runtime, 8, 0.5, 0, &video) == RESTORECT_OK);
  restorect_close(runtime);
  to.data = streamed;
  EXPECT(restorect_video_restore(video, &from, &to) == RESTORECT_OK);
  EXPECT(restorect_video_priors(video) == 1);
  EXPECT(memcmp(output, streamed, sizeof output) == 0);
  restorect_video_close(video);
  puts("ok");
  return 0;
}
