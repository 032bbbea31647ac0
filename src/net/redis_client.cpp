#include "net/redis_client.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <deque>
#include <iterator>

#include "base/log.hpp"

namespace loadline {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto reconnect_pause = milliseconds(100);
constexpr auto watch_period = milliseconds(250);

void append_command(std::string& out, std::span<const std::string_view> words) {
    auto to = std::back_inserter(out);
    fmt::format_to(to, "*{}\r\n", words.size());
    for (const auto word : words) {
        fmt::format_to(to, "${}\r\n", word.size());
        out += word;
        out += "\r\n";
    }
}

struct FreeReader {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
};

}  // namespace

bool RedisAnswer::is_error() const { return reply_ && reply_->type == REDIS_REPLY_ERROR; }
bool RedisAnswer::is_nil() const { return reply_ && reply_->type == REDIS_REPLY_NIL; }
bool RedisAnswer::is_array() const { return reply_ && reply_->type == REDIS_REPLY_ARRAY; }

std::int64_t RedisAnswer::integer() const {
    if (!reply_) return 0;
    if (reply_->type == REDIS_REPLY_INTEGER) return reply_->integer;
    std::int64_t value = 0;
    const auto digits = text();
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

std::string_view RedisAnswer::text() const {
    if (!reply_ || !reply_->str) return {};
    return {reply_->str, reply_->len};
}

std::size_t RedisAnswer::size() const { return is_array() ? reply_->elements : 0; }

RedisAnswer RedisAnswer::operator[](std::size_t i) const {
    return RedisAnswer{std::shared_ptr<const redisReply>{reply_, reply_->element[i]}};
}

/// The connection and the commands it owes answers to; kept alive by its operations.
class RedisClient::Link : public std::enable_shared_from_this<Link> {
public:
    Link(asio::io_context& context, Url url, Duration timeout)
        : url_{std::move(url)},
          timeout_{timeout},
          context_{context},
          socket_{context},
          resolver_{context},
          watch_{context},
          pause_{context} {}

    const Url& url() const { return url_; }

    Later<RedisAnswer> command(std::span<const std::string_view> words) {
        if (closed_) return RedisAnswer{};
        if (state_ == State::down) begin();
        append_command(waiting_, words);
        pending_.push_back({{}, Clock::now()});
        auto later = pending_.back().promise.later();
        if (state_ == State::up) flush_soon();
        return later;
    }

    /// Ends the connection; whoever waits learns that no answer comes.
    void lose() {
        state_ = State::down;
        error_code ignored;
        socket_.close(ignored);
        resolver_.cancel();
        watch_.cancel();
        pause_.cancel();
        waiting_.clear();
        reader_.reset();
        ++generation_;
        auto orphans = std::exchange(pending_, {});
        for (auto& orphan : orphans) orphan.promise.set({});
    }

    void close() {
        closed_ = true;
        lose();
    }

private:
    enum class State { down, connecting, up };
    struct Pending {
        Promise<RedisAnswer> promise;
        TimePoint since;
    };

    /// A handler (error, result) that does nothing once the connection it belongs to
    /// is gone, and loses it on an error.
    template <class Then>
    auto guarded(Then then) {
        return [self = shared_from_this(), mine = generation_, then](const error_code& ec,
                                                                     const auto& result) {
            if (mine != self->generation_) return;
            ec ? self->lose() : then(result);
        };
    }

    /// Leaves `down`: connects now, or when the pause after the last try is over.
    void begin() {
        state_ = State::connecting;
        reader_.reset(redisReaderCreate());
        say_hello();
        watch();
        if (Clock::now() >= not_before_) return connect();
        pause_.expires_at(not_before_);
        pause_.async_wait([self = shared_from_this(), mine = generation_](const error_code& ec) {
            if (!ec && mine == self->generation_) self->connect();
        });
    }

    void connect() {
        not_before_ = Clock::now() + reconnect_pause;
        resolver_.async_resolve(url_.host, std::to_string(url_.port),
                                guarded([this](const tcp::resolver::results_type& found) {
                                    asio::async_connect(
                                        socket_, found, guarded([this](const tcp::endpoint&) {
                                            error_code ignored;
                                            socket_.set_option(tcp::no_delay{true}, ignored);
                                            state_ = State::up;
                                            if (!flushing_) flush();
                                            read();
                                        }));
                                }));
    }

    /// AUTH and SELECT, where the URL asks for them. An error makes all else futile.
    void say_hello() {
        if (!url_.password.empty()) {
            if (url_.user.empty())
                greet({"AUTH", url_.password});
            else
                greet({"AUTH", url_.user, url_.password});
        }
        const auto db = std::string_view{url_.path}.substr(url_.path.empty() ? 0 : 1);
        if (!db.empty() && db != "0") greet({"SELECT", db});
    }

    void greet(std::initializer_list<std::string_view> words) {
        append_command(waiting_, std::span{words.begin(), words.size()});
        pending_.push_back({{}, Clock::now()});
        [](Link& link, Later<RedisAnswer> later) -> Job {
            const auto answer = co_await later;
            if (!answer.is_error()) co_return;
            if (!std::exchange(link.complained_, true)) {
                log_warn(
                    fmt::format("Redis at {} refuses us: {}", link.url_.endpoint(), answer.text()));
            }
            link.refused_ = true;
        }(*this, pending_.back().promise.later());
    }

    void flush_soon() {
        if (flushing_ || std::exchange(flush_posted_, true)) return;
        asio::post(context_, [self = shared_from_this()] {
            self->flush_posted_ = false;
            if (self->state_ == State::up && !self->flushing_) self->flush();
        });
    }

    void flush() {
        if (waiting_.empty()) return;
        flushing_ = true;
        writing_.swap(waiting_);
        waiting_.clear();
        const auto mine = generation_;
        asio::async_write(socket_, asio::buffer(writing_),
                          [self = shared_from_this(), mine](const error_code& ec, std::size_t) {
                              self->flushing_ = false;  // the buffer is ours again, whatever came
                              if (mine == self->generation_ && ec) return self->lose();
                              if (self->state_ == State::up) self->flush();
                          });
    }

    void read() {
        socket_.async_read_some(asio::buffer(in_), guarded([this](std::size_t n) {
                                    if (take(n)) read();
                                }));
    }

    /// Hands out the replies in what was read; false when the connection was lost.
    bool take(std::size_t n) {
        const auto mine = generation_;
        redisReaderFeed(reader_.get(), in_.data(), n);
        while (true) {
            void* raw = nullptr;
            const bool broken = redisReaderGetReply(reader_.get(), &raw) != REDIS_OK;
            if (!broken && raw == nullptr) return true;
            std::shared_ptr<const redisReply> reply{
                static_cast<redisReply*>(raw),
                [](const redisReply* r) { freeReplyObject(const_cast<redisReply*>(r)); }};
            if (broken || pending_.empty()) return lose(), false;
            auto promise = std::move(pending_.front().promise);
            pending_.pop_front();
            promise.set(RedisAnswer{std::move(reply)});
            if (std::exchange(refused_, false)) lose();
            if (mine != generation_) return false;  // the answer's reader closed us
        }
    }

    void watch() {
        watch_.expires_after(watch_period);
        watch_.async_wait([self = shared_from_this(), mine = generation_](const error_code& ec) {
            if (ec || mine != self->generation_) return;
            const auto now = Clock::now();
            const bool late =
                !self->pending_.empty() && now - self->pending_.front().since > self->timeout_;
            late ? self->lose() : self->watch();
        });
    }

    const Url url_;
    const Duration timeout_;
    asio::io_context& context_;
    tcp::socket socket_;
    tcp::resolver resolver_;
    asio::steady_timer watch_, pause_;
    std::unique_ptr<redisReader, FreeReader> reader_;
    std::array<char, 16384> in_{};
    std::string waiting_, writing_;
    std::deque<Pending> pending_;
    TimePoint not_before_{};
    std::uint64_t generation_ = 0;  ///< counts connections lost: stale handlers know themselves
    State state_ = State::down;
    bool flushing_ = false, flush_posted_ = false;
    bool refused_ = false, complained_ = false, closed_ = false;
};

RedisClient::RedisClient(asio::io_context& context, Url url, Duration timeout)
    : link_{std::make_shared<Link>(context, std::move(url), timeout)} {}

RedisClient::~RedisClient() { link_->close(); }

Later<RedisAnswer> RedisClient::command(std::span<const std::string_view> words) {
    return link_->command(words);
}

const Url& RedisClient::url() const { return link_->url(); }

}  // namespace loadline
