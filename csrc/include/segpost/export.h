/* What libsegpost has for others, and its library alone has: SEGPOST_BUILDS_LIBRARY is defined
 * where it is compiled. */
#ifndef SEGPOST_EXPORT_H
#define SEGPOST_EXPORT_H

#if !defined(_WIN32)
#define SEGPOST_EXPORT __attribute__((visibility("default")))
#elif defined(SEGPOST_BUILDS_LIBRARY)
#define SEGPOST_EXPORT __declspec(dllexport)
#else
#define SEGPOST_EXPORT __declspec(dllimport)
#endif

#endif
