// A stand-in for a server in C++ (TensorRT, libtorch, ONNX Runtime): logits come in, and labels,
// a picture, scores and refined probabilities go out, with no Python in the process.
//
//   server logits.f32 C h w  photograph.rgb H W  target.u8  palette.rgb  out/
#include <segpost/capi.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

const segpost_api *api;

// An error of the library as an exception.
void done(int status, const segpost_report &report) {
    if (status != SEGPOST_OK) throw std::runtime_error(report.message);
}

template <class T> std::vector<T> read(const std::string &path, std::size_t count) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.size() != count * sizeof(T))
        throw std::runtime_error(path + " has " + std::to_string(bytes.size()) + " bytes, not " +
                                 std::to_string(count * sizeof(T)));
    const T *first = reinterpret_cast<const T *>(bytes.data());
    return {first, first + count};
}

template <class T> void write(const std::string &path, const std::vector<T> &values) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char *>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(T)));
    if (!file) throw std::runtime_error("cannot write " + path);
}

template <class T> segpost_array packed(std::vector<T> &values, segpost_dtype dtype,
                                        const std::vector<std::int64_t> &shape) {
    return segpost_packed(values.data(), dtype, static_cast<int>(shape.size()), shape.data());
}

void serve(char **argument) {
    const std::int64_t c = std::stol(argument[2]), h = std::stol(argument[3]),
                       w = std::stol(argument[4]), height = std::stol(argument[6]),
                       width = std::stol(argument[7]);
    const auto pixels = static_cast<std::size_t>(height * width), classes = std::size_t(c);
    const std::string out = argument[10];
    auto scores = read<float>(argument[1], std::size_t(c * h * w));
    auto photograph = read<std::uint8_t>(argument[5], 3 * pixels);
    auto target = read<std::uint8_t>(argument[8], pixels);
    const auto palette = read<std::uint8_t>(argument[9], 3 * classes);

    std::vector<std::uint8_t> label(pixels), rgb(3 * pixels), laid(3 * pixels);
    std::vector<float> sure(pixels), spread(classes * pixels), refined(classes * pixels);
    std::vector<std::int64_t> counts((classes + 2) * (classes + 1));

    const segpost_array logits = packed(scores, SEGPOST_FLOAT32, {1, c, h, w});
    const segpost_array image = packed(photograph, SEGPOST_UINT8, {1, height, width, 3});
    const segpost_array labels = packed(label, SEGPOST_UINT8, {1, height, width});
    const segpost_array truth = packed(target, SEGPOST_UINT8, {1, height, width});
    const segpost_array color = packed(rgb, SEGPOST_UINT8, {1, height, width, 3});
    const segpost_array overlay = packed(laid, SEGPOST_UINT8, {1, height, width, 3});
    const segpost_array confidence = packed(sure, SEGPOST_FLOAT32, {1, height, width});
    const segpost_array probabilities = packed(spread, SEGPOST_FLOAT32, {1, c, height, width});

    segpost_report report;
    segpost_argmax_options options{};
    options.struct_size = sizeof options;
    options.grid = SEGPOST_HALF_PIXEL;
    options.palette = palette.data();
    options.palette_size = c;
    options.image = &image;
    done(api->argmax(&logits, &options, &labels, &color, &confidence, &overlay, &report), report);

    const std::int64_t void_label = 255;
    done(api->confusion_matrix(&labels, &truth, c, &void_label, 1, counts.data(), &report), report);

    done(api->softmax(&logits, &options, &probabilities, &report), report);
    const segpost_array unary = packed(spread, SEGPOST_FLOAT32, {c, height, width});
    const segpost_array guide = packed(photograph, SEGPOST_UINT8, {height, width, 3});
    const segpost_array q = packed(refined, SEGPOST_FLOAT32, {c, height, width});
    segpost_crf_options crf{};
    crf.struct_size = sizeof crf;
    crf.iterations = 3;
    done(api->dense_crf(&unary, &guide, &crf, &q, &report), report);

    write(out + "/labels.u8", label);
    write(out + "/color.rgb", rgb);
    write(out + "/overlay.rgb", laid);
    write(out + "/confidence.f32", sure);
    write(out + "/counts.i64", counts);
    write(out + "/refined.f32", refined);
    std::printf("segpost %s, ABI %d, %d threads\n", api->version, api->abi, api->num_threads());
}

} // namespace

int main(int count, char **argument) {
    api = segpost_get_api(SEGPOST_ABI);
    if (!api) {
        std::fprintf(stderr, "server: libsegpost has another ABI than %d\n", SEGPOST_ABI);
        return 3;
    }
    if (count != 11) {
        std::fprintf(stderr, "usage: server logits.f32 C h w photograph.rgb H W target.u8 "
                             "palette.rgb out\n");
        return 2;
    }
    try {
        serve(argument);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "server: %s\n", error.what());
        return 1;
    }
    return 0;
}
