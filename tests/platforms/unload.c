/* Calls the library with threads and unloads it, again and again: its threads still look for work.
 *
 *     unload LIBRARY
 */
#include <segpost/capi.h>

#include <stdio.h>

#if defined(_WIN32)
#include <windows.h>
typedef HMODULE library;
#else
#include <dlfcn.h>
typedef void *library;
#endif

typedef const segpost_api *(*get_api)(int32_t);

static library load(const char *name, get_api *get) {
#if defined(_WIN32)
    library loaded = LoadLibraryA(name);
    if (loaded) *get = (get_api)(void (*)(void))GetProcAddress(loaded, "segpost_get_api");
#else
    library loaded = dlopen(name, RTLD_NOW);
    if (loaded) *(void **)get = dlsym(loaded, "segpost_get_api");
#endif
    return loaded;
}

static int unload(library loaded) {
#if defined(_WIN32)
    return FreeLibrary(loaded) != 0;
#else
    return dlclose(loaded) == 0;
#endif
}

int main(int argc, char **argv) {
    static float scores[3 * 64 * 64];
    static uint8_t ids[512 * 512];
    const int64_t small[] = {1, 3, 64, 64}, full[] = {1, 512, 512};
    const segpost_array logits = segpost_packed(scores, SEGPOST_FLOAT32, 4, small);
    const segpost_array labels = segpost_packed(ids, SEGPOST_UINT8, 3, full);
    int i;
    for (i = 0; argc == 2 && i < 10; ++i) {
        get_api get = NULL;
        const library loaded = load(argv[1], &get);
        segpost_report report;
        if (!loaded || !get) return 2;
        get(SEGPOST_ABI)->set_num_threads(4);
        if (get(SEGPOST_ABI)->argmax(&logits, NULL, &labels, NULL, NULL, NULL, &report)) return 3;
        if (!unload(loaded)) return 4;
    }
    printf("unloaded %d times\n", i);
    return 0;
}
