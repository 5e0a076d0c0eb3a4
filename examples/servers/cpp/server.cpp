// A server that answers a picture with the labels of its pixels, in C++ and OpenVINO. No Python.
//
//     export SEGPOST_MODEL=models/labels.xml SEGPOST_PALETTE=models/palette.rgb
//     export SEGPOST_OPERATORS=PATH # of segpost.runtimes.library("openvino")
//     build/server/server 8000
//
// Its contract is that of fastapi_server.py, and it reads the same variables for its limits.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>

#include "codes.hpp"
#include "network.hpp"
#include "session.hpp"

namespace {

std::string needed_setting(const char *name) {
    const std::string path = setting(name, "");
    if (!std::ifstream(path).good())
        throw std::invalid_argument(std::string(name) + " is the path of a file, got '" + path +
                                    "'");
    return path;
}

// 256 colors: labels without a color in the file are black.
std::vector<std::uint8_t> read_palette(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.empty() || bytes.size() % 3 || bytes.size() > 768)
        throw std::invalid_argument(path + " has not up to 256 colors of 3 bytes");
    bytes.resize(768);
    return bytes;
}

asio::ip::address parse_host(const std::string &host) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (error) throw std::invalid_argument("HOST is an address as 0.0.0.0, got '" + host + "'");
    return address;
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

void serve(const asio::ip::tcp::endpoint &endpoint) {
    Service service;
    Network network(needed_setting("SEGPOST_MODEL"), setting("SEGPOST_OPERATORS", ""),
                    service.limits.threads);
    const auto palette = read_palette(needed_setting("SEGPOST_PALETTE"));
    service.answer = [&](const Content &upload, bool wants_codes,
                         const std::atomic<bool> &is_late) {
        Picture picture = decode_picture(upload, service.limits.max_pixels);
        Labels labels = network.find_labels(picture, is_late);
        return wants_codes ? encode_codes(labels) : encode_png(labels, palette);
    };
    asio::ip::tcp::acceptor acceptor(service.io, endpoint);
    accept(acceptor, service);
    // What is open when the signal comes is answered.
    asio::signal_set signals(service.io, SIGTERM, SIGINT);
    signals.async_wait([&](beast::error_code, int) {
        service.is_draining = true;
        acceptor.close();
        for (Session *session : std::set<Session *>(service.idle)) session->close();
    });
    std::cout << "http://" << acceptor.local_endpoint() << std::endl;
    service.io.run();
    service.threads.join();
}

} // namespace

int main(int count, char **argument) {
    if (count != 2 && count != 3) {
        std::fprintf(stderr, "usage: server [HOST] PORT\n");
        return 2;
    }
    try {
        const auto host = parse_host(count == 3 ? argument[1] : "127.0.0.1");
        const auto port = parse_whole("PORT", argument[count - 1], 0, 65535);
        serve({host, static_cast<unsigned short>(port)});
    } catch (const std::exception &error) {
        std::fprintf(stderr, "server: %s\n", error.what());
        return 1;
    }
    return 0;
}
