#include "session.hpp"

#include <chrono>
#include <cstdio>
#include <utility>

#include "refused.hpp"

namespace {

constexpr auto IDLE = std::chrono::seconds(5); // until the next request of a connection
constexpr auto LINGER = std::chrono::seconds(1);

// A text as JSON has it.
std::string quote(const std::string &text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += std::uint8_t(c) < 32 ? ' ' : c;
    }
    return quoted + '"';
}

std::string text_of(double seconds) {
    std::string text = std::to_string(seconds);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text + " s";
}

} // namespace

Session::Session(asio::ip::tcp::socket socket, Service &service)
    : service_(service), stream_(std::move(socket)), deadline_(service.io) {
    stream_.socket().set_option(asio::ip::tcp::no_delay(true));
}

Session::~Session() { release(); }

void Session::close() {
    beast::error_code ignored;
    stream_.socket().close(ignored);
}

void Session::release() { service_.requests -= std::exchange(is_admitted_, false); }

void Session::read_header() {
    parser_.emplace();
    parser_->header_limit(8192);
    parser_->body_limit(service_.limits.max_bytes);
    service_.idle.insert(this);
    stream_.expires_after(IDLE);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                                self->service_.idle.erase(self.get());
                                self->stream_.expires_never();
                                self->route(error);
                            });
}

void Session::route(beast::error_code error) {
    const Limits &limits = service_.limits;
    if (error == http::error::body_limit)
        return refuse(413, "the upload exceeds " + std::to_string(limits.max_bytes) + " bytes");
    if (error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message)
        return refuse(400, "the request is no HTTP");
    if (error) return close();
    const auto &request = parser_->get();
    const std::string target(request.target());
    const std::string path = target.substr(0, target.find('?'));
    const std::string query = path == target ? "" : target.substr(path.size() + 1);
    if (path == "/health" && request.method() == http::verb::get)
        return respond(200, "application/json",
                       "{\"status\": \"ok\", \"requests\": " + std::to_string(service_.requests) +
                           ", \"max_requests\": " + std::to_string(limits.max_requests) + "}");
    if (path != "/segment") return refuse(404, "Not Found");
    if (request.method() != http::verb::post) return refuse(405, "Method Not Allowed");
    wants_codes_ = query == "format=rle";
    if (!wants_codes_ && query != "" && query != "format=png")
        return refuse(422, "format is 'png' or 'rle', got '" + query + "'");
    std::string type(request[http::field::content_type]);
    type = type.substr(0, type.find(';'));
    if (!beast::iequals(type, "image/png") && !beast::iequals(type, "image/jpeg"))
        return refuse(415, "Content-Type is image/png or image/jpeg, got '" + type + "'");
    if (service_.requests >= limits.max_requests)
        return refuse(503, std::to_string(service_.requests) + " requests are open: try again");
    ++service_.requests;
    is_admitted_ = true;
    set_deadline();
    read_upload();
}

// From the headers of a request to its answer.
void Session::set_deadline() {
    is_late_ = std::make_shared<std::atomic<bool>>(false);
    deadline_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(
        std::chrono::duration<double>(service_.limits.seconds)));
    deadline_.async_wait([self = shared_from_this(), late = is_late_](beast::error_code error) {
        if (error || self->is_late_ != late) return;
        *late = true;
        const std::string time = text_of(self->service_.limits.seconds);
        if (self->parser_->is_done())
            self->refuse(503, "no result in " + time + ": try again");
        else
            self->stream_.cancel(); // the reading of the upload ends with an error
    });
}

void Session::read_upload() {
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
        beast::error_code ignored; // a line of 25 bytes
        asio::write(stream_.socket(), asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25), ignored);
    }
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) {
                         const Limits &limits = self->service_.limits;
                         if (!error) return self->compute();
                         if (error == http::error::body_limit)
                             return self->refuse(413, "the upload exceeds " +
                                                          std::to_string(limits.max_bytes) +
                                                          " bytes");
                         if (*self->is_late_)
                             return self->refuse(408, "no upload in " + text_of(limits.seconds));
                         self->deadline_.cancel();
                         self->close(); // the client went away
                     });
}

void Session::compute() {
    asio::post(service_.threads, [self = shared_from_this(), late = is_late_,
                                  upload = std::move(parser_->get().body()),
                                  wants_codes = wants_codes_]() mutable {
        int status = 200;
        std::string body;
        try {
            if (*late) throw Refused(503, "late");
            body = self->service_.answer(upload, wants_codes, *late);
        } catch (const Refused &error) {
            status = error.status, body = error.what();
        } catch (const std::exception &error) {
            if (!*late) std::fprintf(stderr, "server: %s\n", error.what());
            status = 500, body = "Internal Server Error";
        }
        asio::post(self->service_.io, [self, late, status, wants_codes, body = std::move(body)] {
            if (*late) return; // it was answered
            if (status != 200) return self->refuse(status, body);
            self->respond(200, wants_codes ? "application/json" : "image/png", body);
        });
    });
}

void Session::refuse(int status, const std::string &text) {
    respond(status, "application/json", "{\"detail\": " + quote(text) + "}");
}

void Session::respond(int status, const char *type, std::string body) {
    deadline_.cancel();
    const bool is_read = parser_->is_done();
    response_ = {http::status(status), 11};
    response_.set(http::field::content_type, type);
    if (status == 503) response_.set(http::field::retry_after, "1");
    response_.keep_alive(is_read && parser_->get().keep_alive() && !service_.is_draining);
    response_.body() = std::move(body);
    response_.prepare_payload();
    stream_.expires_after(IDLE); // for a client that does not read
    http::async_write(stream_, response_,
                      [self = shared_from_this(), is_read](beast::error_code error, std::size_t) {
                          self->release();
                          if (error) return self->close();
                          if (self->response_.keep_alive() && !self->service_.is_draining)
                              return self->read_header();
                          beast::error_code ignored;
                          self->stream_.socket().shutdown(asio::socket_base::shutdown_send,
                                                          ignored);
                          self->stream_.expires_after(LINGER);
                          if (is_read) return self->close();
                          self->linger();
                      });
}

// Read what is left of an upload: a socket that is closed before takes the answer with it.
void Session::linger() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(1 << 15),
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                                if (!error) self->linger();
                            });
}
