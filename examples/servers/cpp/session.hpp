// The HTTP of the server: one object a connection, all of them in one thread.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "limits.hpp"

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

class Session;
using Content = std::vector<std::uint8_t>;
// The answer to an upload, in a thread of its own; `is_late` says that nobody waits for it.
using Answer = std::function<std::string(const Content &upload, bool wants_codes,
                                         const std::atomic<bool> &is_late)>;

// What all connections share.
struct Service {
    Limits limits;
    Answer answer;
    asio::io_context io{1};
    asio::thread_pool threads{std::size_t(limits.threads)};
    int requests = 0; // that are open
    bool is_draining = false;
    std::set<Session *> idle; // between two requests
};

class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(asio::ip::tcp::socket socket, Service &service);
    ~Session();
    void read_header();
    void close();

  private:
    void route(beast::error_code error);
    void refuse(int status, const std::string &text);
    void read_upload();
    void compute();
    void respond(int status, const char *type, std::string body);
    void linger();
    void set_deadline();
    void release();

    Service &service_;
    beast::tcp_stream stream_;
    asio::steady_timer deadline_;
    beast::flat_buffer buffer_{1 << 16};
    std::optional<http::request_parser<http::vector_body<std::uint8_t>>> parser_;
    http::response<http::string_body> response_;
    std::shared_ptr<std::atomic<bool>> is_late_; // of the upload that is computed
    bool is_admitted_ = false, wants_codes_ = false;
};
