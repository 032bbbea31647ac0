#include "watch/stream_publisher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cctype>

#include "base/log.hpp"
#include "net/pause.hpp"

namespace loadline {
namespace {

constexpr std::size_t most_lines = 10'000;
constexpr std::size_t most_bytes = 16 << 20;
constexpr std::size_t batch_lines = 64;
constexpr std::size_t batch_bytes = 256 << 10;  // within the client's time-out also on a slow link
constexpr Duration shortest_back_off = std::chrono::milliseconds{100};
constexpr Duration longest_back_off = std::chrono::seconds{2};

}  // namespace

std::string stream_key(const std::string& run) { return "watch:" + run; }

Result<std::string> parse_run_id(const std::string& text) {
    const auto allowed = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
    };
    if (!text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), allowed)) {
        return text;
    }
    return usage_error(fmt::format(
        "\"{}\" is no run ID: 1 to 64 letters, digits, dots, dashes and underscores", text));
}

StreamPublisher::StreamPublisher(Url redis, const std::string& run)
    : key_{stream_key(run)}, client_{context_, std::move(redis)} {
    thread_ = std::thread{[this] { context_.run(); }};
}

StreamPublisher::~StreamPublisher() {
    context_.stop();
    thread_.join();
    stopping_ = true;  // client_ ends what waits for an answer
}

void StreamPublisher::push(const std::string& line) {
    {
        const std::lock_guard lock{mutex_};
        if (lines_.size() >= most_lines || bytes_ + line.size() > most_bytes) {
            ++lost_;
            loss_ = true;
            return;
        }
        bytes_ += line.size();
        lines_.push_back(line);
    }
    boost::asio::post(context_, [this] {
        if (!sending_) send();
    });
}

bool StreamPublisher::take_loss() {
    const std::lock_guard lock{mutex_};
    return std::exchange(loss_, false);
}

bool StreamPublisher::flush(Duration limit) {
    std::unique_lock lock{mutex_};
    return all_taken_.wait_for(lock, limit, [this] { return lines_.empty(); });
}

std::uint64_t StreamPublisher::lost() const {
    const std::lock_guard lock{mutex_};
    return lost_;
}

std::size_t StreamPublisher::waiting() const {
    const std::lock_guard lock{mutex_};
    return lines_.size();
}

/// Sends until nothing waits. Several lines make one entry, so that they come in order or not
/// at all.
Job StreamPublisher::send() {
    sending_ = true;
    for (auto batch = next_batch(); !batch.empty(); batch = next_batch()) {
        const auto most = std::to_string(most_lines);
        std::vector<std::string_view> words{"XADD", key_, "MAXLEN", "~", most, "*"};
        for (const auto& line : batch) words.insert(words.end(), {"line", line});
        const auto answer = co_await client_.command(words);
        if (stopping_) co_return;
        if (answer.arrived() && !answer.is_error()) {
            taken(batch.size());
            continue;
        }
        not_taken(answer);
        co_await pause(timer_, back_off_);
    }
    sending_ = false;
}

std::vector<std::string> StreamPublisher::next_batch() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> batch;
    std::size_t bytes = 0;
    for (const auto& line : lines_) {
        bytes += line.size();
        if (batch.size() == batch_lines || (bytes > batch_bytes && !batch.empty())) break;
        batch.push_back(line);
    }
    return batch;
}

void StreamPublisher::taken(std::size_t lines) {
    const std::lock_guard lock{mutex_};
    for (; lines > 0; --lines) {
        bytes_ -= lines_.front().size();
        lines_.pop_front();
    }
    back_off_ = {};
    if (trouble_since_) {
        log_warn(fmt::format("Redis at {} takes the lines of the watch again, after {}; {} lost",
                             client_.url().endpoint(),
                             format_duration(Clock::now() - *trouble_since_), lost_));
        trouble_since_.reset();
    }
    if (lines_.empty()) all_taken_.notify_all();
}

void StreamPublisher::not_taken(const RedisAnswer& answer) {
    const std::lock_guard lock{mutex_};
    back_off_ = std::clamp(2 * back_off_, shortest_back_off, longest_back_off);
    if (trouble_since_) return;
    trouble_since_ = Clock::now();
    // A Redis that went away may have forgotten what it took. Once is enough: the line that tells
    // all waits with the others, and is sent after it has come back.
    loss_ = true;
    log_warn(fmt::format("Redis at {} does not take the lines of the watch ({}): up to {} wait",
                         client_.url().endpoint(), answer.arrived() ? answer.text() : "no answer",
                         most_lines));
}

}  // namespace loadline
