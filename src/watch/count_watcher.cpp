#include "watch/count_watcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "net/endpoint.hpp"
#include "watch/detector.hpp"
#include "watch/kernel_counters.hpp"

namespace loadline {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr Duration answer_takes = std::chrono::seconds{3};
constexpr Duration closing_takes = std::chrono::milliseconds{100};
constexpr Duration last_count_takes = std::chrono::seconds{4};
constexpr Duration silent_after = std::chrono::seconds{3};
constexpr std::string_view chosen = "?collect[]=tcpstat&collect[]=netstat";
constexpr std::uint64_t largest_answer = 16 << 20;

Error unable(const Url& exporter, std::string_view why) {
    return unreachable_error(fmt::format("node_exporter at {}: {}", exporter.endpoint(), why));
}

}  // namespace

Result<Url> parse_node_exporter(const char* flag, const std::string& text) {
    auto url = parse_url(text);
    if (!url) return usage_error(fmt::format("{}: {}", flag, url.error().message));
    if (url->scheme != "http" || !url->user.empty() || !url->password.empty()) {
        return usage_error(
            fmt::format("{}: a node_exporter is asked over http:// without a password, not {}",
                        flag, url->scheme == "http" ? "with one" : "over " + url->scheme));
    }
    if (url->path.empty() || url->path == "/") url->path = "/metrics";
    return url;
}

CountWatcher::CountWatcher(CountWatchOptions options)
    : options_{std::move(options)},
      choosing_{options_.exporter.path.find('?') == std::string::npos} {
    asio::co_spawn(context_, count_for_ever(), asio::detached);
    thread_ = std::thread{[this] { context_.run(); }};
    std::unique_lock lock{mutex_};
    news_.wait_for(lock, options_.patience, [this] { return !samples_.empty(); });
}

CountWatcher::~CountWatcher() { stop(); }

void CountWatcher::stop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

asio::awaitable<void> CountWatcher::count_for_ever() {
    while (true) {
        const auto began = Clock::now();
        take(co_await scrape());
        timer_.expires_at(began + options_.period);
        co_await timer_.async_wait(asio::use_awaitable);
    }
}

/// Blocking: this thread has nothing else to do, and a resolver that hangs is left behind.
Result<std::vector<asio::ip::tcp::endpoint>> CountWatcher::find_exporter() const {
    const auto& url = options_.exporter;
    const auto found = resolve(url, answer_takes);
    if (!found) return found.error();
    std::vector<asio::ip::tcp::endpoint> endpoints;
    for (const auto& endpoint : *found) endpoints.emplace_back(*address_of(endpoint), url.port);
    return endpoints;
}

/// The text of one answer, on a connection that is kept while all goes well.
asio::awaitable<Result<std::string>> CountWatcher::scrape() {
    const auto& url = options_.exporter;
    error_code ec;
    auto or_error = asio::redirect_error(asio::use_awaitable, ec);
    const bool kept = stream_.socket().is_open();
    if (!kept) {
        const auto found = find_exporter();
        if (!found) co_return found.error();
        stream_.expires_after(answer_takes);
        co_await stream_.async_connect(*found, or_error);
    }
    http::response_parser<http::string_body> answer;
    answer.body_limit(largest_answer);
    if (!ec) {
        const auto path = url.path + std::string{choosing_ ? chosen : ""};
        http::request<http::empty_body> request{http::verb::get, path, 11};
        request.set(http::field::host, url.authority());
        request.set(http::field::user_agent, "loadline");
        asked_ = Clock::now();
        stream_.expires_after(answer_takes);
        co_await http::async_write(stream_, request, or_error);
        if (!ec) co_await http::async_read(stream_, buffer_, answer, or_error);
    }
    if (ec || !answer.get().keep_alive()) {
        stream_.close();
        buffer_.clear();
    }
    // An idle connection may have been closed meanwhile.
    if (ec && kept && ec != boost::beast::error::timeout) co_return co_await scrape();
    if (ec) co_return unable(url, "no answer: " + ec.message());
    if (choosing_ && answer.get().result() == http::status::bad_request) {
        choosing_ = false;  // one of the two is switched off: then all that are on
        co_return co_await scrape();
    }
    if (answer.get().result() != http::status::ok) {
        co_return unable(url,
                         fmt::format("answers {} to GET {}", answer.get().result_int(), url.path));
    }
    co_return std::move(answer.get().body());
}

void CountWatcher::take(const Result<std::string>& answer) {
    const auto scrape = answer ? parse_node_scrape(*answer) : std::nullopt;
    const std::lock_guard lock{mutex_};
    if (!scrape) {
        trouble_ = !answer ? answer.error().message
                           : unable(options_.exporter,
                                    fmt::format("tells no states of connections at {}: it takes "
                                                "--collector.tcpstat",
                                                options_.exporter.path))
                                 .message;
        return;
    }
    trouble_.clear();
    auto& sample = samples_.emplace_back();
    sample.at = asked_;
    sample.counts_only = true;
    sample.states = scrape->states;
    sample.close_wait = scrape->states[static_cast<std::size_t>(TcpState::close_wait)];
    if (scrape->kernel) {
        if (!first_kernel_) first_kernel_ = scrape->kernel;
        sample.kernel = counted_since(*scrape->kernel, *first_kernel_);
    }
    news_.notify_all();
}

std::optional<SocketSample> CountWatcher::latest() const {
    const std::lock_guard lock{mutex_};
    if (samples_.empty() || Clock::now() - samples_.back().at > silent_after) return {};
    return samples_.back();
}

std::vector<SocketSample> CountWatcher::samples() const {
    const std::lock_guard lock{mutex_};
    return samples_;
}

std::string CountWatcher::trouble() const {
    const std::lock_guard lock{mutex_};
    return trouble_;
}

/// Of the time between two counts, whenever they are asked for.
std::optional<TargetSecond> CountWatcher::take_target() {
    const std::lock_guard lock{mutex_};
    if (samples_.empty() || !samples_.back().kernel) return {};
    if (told_ && told_->at == samples_.back().at) return {};
    const auto before = std::exchange(told_, samples_.back());
    if (!before || !before->kernel) return {};
    if (told_->at - before->at > silent_after) return {};  // of which of these seconds was it?
    TargetSecond second;
    second.length = told_->at - before->at;
    second.kernel = counted_since(*told_->kernel, *before->kernel);
    return second;
}

void CountWatcher::connections_closed(TimePoint at) {
    const std::lock_guard lock{mutex_};
    closed_at_ = at;
}

bool CountWatcher::settled() const {
    const std::lock_guard lock{mutex_};
    return closed_at_ && !samples_.empty() && samples_.back().at >= *closed_at_ + closing_takes &&
           samples_.back().close_wait <= samples_.front().close_wait;
}

Duration CountWatcher::settle_time(Duration slowest_response) const {
    const std::lock_guard lock{mutex_};
    if (samples_.empty()) return {};
    return settle_length(socket_tau(options_.tau, slowest_response), options_.period);
}

SocketReport CountWatcher::finish(LoadFacts load, Duration slowest_response) {
    {
        std::unique_lock lock{mutex_};
        load.closed_at = closed_at_;
        const auto asked = Clock::now();
        const auto there = [&] { return !samples_.empty() && samples_.back().at >= asked; };
        if (!samples_.empty()) news_.wait_until(lock, asked + last_count_takes, there);
    }
    stop();
    CountInput input;
    input.samples = samples_;
    input.tau = socket_tau(options_.tau, slowest_response);
    input.now = Clock::now();
    input.source = "the node_exporter at " + options_.exporter.endpoint();
    input.trouble = trouble_;
    return judge_counts(input, load);
}

}  // namespace loadline
