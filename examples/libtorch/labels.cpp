// Labels and colors of an AOTInductor package, without Python.
//
//     labels LIBRARY PACKAGE N H W < images.f32 > labels_and_colors.u8
//
// LIBRARY is the path that segpost.runtimes.library("torch") gives, PACKAGE is of export_labels.py.
// The input is (N, 3, H, W) float32; the output are labels (N, H, W) and colors (N, H, W, 3),
// uint8.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include <dlfcn.h>

#include <ATen/ATen.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

int main(int argc, char **argv) {
    if (argc != 6) {
        std::fprintf(stderr, "usage: labels LIBRARY PACKAGE N H W\n");
        return 2;
    }
    if (!dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL)) { // the operators, before the package
        std::fprintf(stderr, "labels: %s\n", dlerror());
        return 2;
    }
    const long long n = std::atoll(argv[3]), h = std::atoll(argv[4]), w = std::atoll(argv[5]);
    std::vector<float> pixels(static_cast<std::size_t>(n * 3 * h * w));
    if (std::fread(pixels.data(), sizeof(float), pixels.size(), stdin) != pixels.size()) {
        std::fprintf(stderr, "labels: the input is too short\n");
        return 2;
    }
    try {
        torch::inductor::AOTIModelPackageLoader model(argv[2]);
        const at::Tensor images = at::from_blob(pixels.data(), {n, 3, h, w}, at::kFloat);
        for (const at::Tensor &output : model.run({images})) {
            const at::Tensor packed = output.contiguous();
            std::fwrite(packed.data_ptr(), 1, packed.nbytes(), stdout);
        }
    } catch (const std::exception &error) {
        std::fprintf(stderr, "labels: %s\n", error.what());
        return 1;
    }
    return 0;
}
