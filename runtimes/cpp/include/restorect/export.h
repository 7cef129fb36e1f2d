/* What is visible outside the shared library. */
#ifndef RESTORECT_EXPORT_H
#define RESTORECT_EXPORT_H

#if defined(_WIN32)
#define RESTORECT_API
#else
#define RESTORECT_API __attribute__((visibility("default")))
#endif

#endif
