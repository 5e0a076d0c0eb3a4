// A server that answers a picture with the labels of its pixels, in C++ and OpenVINO. No Python.
//
//     export SEGPOST_MODEL=models/labels.xml SEGPOST_PALETTE=models/palette.rgb
//     export SEGPOST_OPERATORS=$(python -c "import segpost;
//     print(segpost.runtimes.library('openvino'))") build/server 8000
//
// Its contract is that of fastapi_server.py, and it reads the same variables for its limits.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>

#include "codes.hpp"
#include "network.hpp"
#include "session.hpp"

namespace {

std::string setting(const char *name, bool is_needed) {
    const char *text = std::getenv(name);
    if (!text && is_needed) throw std::invalid_argument(std::string(name) + " is not set");
    return text ? text : "";
}

std::vector<std::uint8_t> read_palette(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.empty() || bytes.size() % 3 || bytes.size() > 768)
        throw std::invalid_argument(path + " has not up to 256 colors of 3 bytes");
    return {bytes.begin(), bytes.end()};
}

void accept(asio::ip::tcp::acceptor &acceptor, Service &service) {
    acceptor.async_accept([&](beast::error_code error, asio::ip::tcp::socket socket) {
        if (error == asio::error::operation_aborted) return; // the server ends
        if (!error) {
            std::make_shared<Session>(std::move(socket), service)->read_header();
            return accept(acceptor, service);
        }
        // Too many files are open: connections wait until some are closed.
        const auto pause = std::make_shared<asio::steady_timer>(service.io);
        pause->expires_after(std::chrono::milliseconds(100));
        pause->async_wait([&, pause](beast::error_code) {
            if (acceptor.is_open()) accept(acceptor, service);
        });
    });
}

void serve(unsigned short port) {
    Service service;
    Network network(setting("SEGPOST_MODEL", true), setting("SEGPOST_OPERATORS", false),
                    service.limits.threads);
    const auto palette = read_palette(setting("SEGPOST_PALETTE", true));
    service.answer = [&](const Content &upload, bool wants_codes,
                         const std::atomic<bool> &is_late) {
        Picture picture = decode_picture(upload, service.limits.max_pixels);
        Labels labels = network.find_labels(picture, is_late);
        return wants_codes ? encode_codes(labels) : encode_png(labels, palette);
    };
    asio::ip::tcp::acceptor acceptor(service.io, {asio::ip::address_v4::loopback(), port});
    accept(acceptor, service);
    // What is open when the signal comes is answered.
    asio::signal_set signals(service.io, SIGTERM, SIGINT);
    signals.async_wait([&](beast::error_code, int) {
        service.is_draining = true;
        acceptor.close();
        for (Session *session : std::set<Session *>(service.idle)) session->close();
    });
    std::printf("http://127.0.0.1:%d\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    service.io.run();
    service.threads.join();
}

} // namespace

int main(int count, char **argument) {
    if (count != 2) {
        std::fprintf(stderr, "usage: server PORT\n");
        return 2;
    }
    try {
        serve(static_cast<unsigned short>(std::stoi(argument[1])));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "server: %s\n", error.what());
        return 1;
    }
    return 0;
}
