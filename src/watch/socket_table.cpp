#include "watch/socket_table.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

#include "watch/attribution.hpp"
#include "watch/network_namespace.hpp"

namespace loadline {
namespace {

constexpr std::array<int, 2> families{AF_INET, AF_INET6};
constexpr StateSet every_state = (1U << 13) - 2;
constexpr StateSet settled_elsewhere = only(TcpState::listen) | only(TcpState::time_wait);

template <class T>
std::optional<T> number(std::string_view text, int base) {
    T value{};
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (ec != std::errc{} || end != text.data() + text.size()) return {};
    return value;
}

/// Splits "a:b" of two hexadecimal numbers.
template <class T>
std::optional<std::pair<T, T>> hex_pair(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == text.npos) return {};
    const auto first = number<T>(text.substr(0, colon), 16);
    const auto second = number<T>(text.substr(colon + 1), 16);
    if (!first || !second) return {};
    return std::pair{*first, *second};
}

/// "0100007F:1F90" or 32 digits: words in the machine's byte order, then the port.
bool read_peer(std::string_view text, SocketRecord& record) {
    const auto colon = text.find(':');
    if (colon != 8 && colon != 32) return false;
    record.family = colon == 8 ? AF_INET : AF_INET6;
    for (std::size_t i = 0; i < colon / 8; ++i) {
        const auto word = number<std::uint32_t>(text.substr(8 * i, 8), 16);
        if (!word) return false;
        std::memcpy(record.address.data() + 4 * i, &*word, 4);
    }
    const auto port = number<std::uint16_t>(text.substr(colon + 1), 16);
    if (!port) return false;
    record.port = *port;
    return true;
}

constexpr std::size_t columns = 10;  // those behind the inode do not matter here

/// The first words of a line; nothing when there are fewer.
std::optional<std::array<std::string_view, columns>> first_words(std::string_view line) {
    std::array<std::string_view, columns> words;
    for (auto& word : words) {
        line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
        word = line.substr(0, line.find(' '));
        line.remove_prefix(word.size());
    }
    if (words.back().empty()) return {};
    return words;
}

/// Of the kernel's clock for users.
Duration ticks(std::uint64_t count) {
    static const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    constexpr std::uint64_t most = 1'000'000'000;  // no overflow below
    return std::chrono::milliseconds{1000 * std::min(count, most) / per_second};
}

/// sl local remote state tx:rx timer:expires retransmits uid timeout inode ...
std::optional<SocketRecord> read_line(std::string_view line, std::uint16_t port) {
    const auto split = first_words(line);
    if (!split) return {};
    const auto& words = *split;
    const auto local = words[1];
    const auto colon = local.find(':');
    if (colon == local.npos || number<std::uint16_t>(local.substr(colon + 1), 16) != port) {
        return {};
    }
    SocketRecord record;
    const auto state = number<std::uint8_t>(words[3], 16);
    const auto queues = hex_pair<std::uint32_t>(words[4]);
    const auto timer = hex_pair<std::uint64_t>(words[5]);
    const auto inode = number<std::uint32_t>(words[9], 10);
    if (!read_peer(words[2], record) || !state || *state < 1 || *state > 12 || !queues || !timer ||
        !inode) {
        return {};
    }
    record.cookie = std::hash<std::string>{}(fmt::format("{} {}", words[1], words[2]));
    record.state = static_cast<TcpState>(*state);
    record.inode = *inode;
    record.send_queue = queues->first;
    record.receive_queue = queues->second;
    if (timer->first == 2) record.keep_alive = ticks(timer->second);
    return record;
}

/// Why the files of a process cannot be read, behind the sentence that says so.
std::string why_not_visible(int pid) {
    return process_exists(pid) ? ": needs its user or CAP_SYS_PTRACE (hidepid)"
                               : fmt::format(": process {} has ended", pid);
}

}  // namespace

std::vector<SocketRecord> parse_proc_net_tcp(std::string_view text, std::uint16_t port) {
    std::vector<SocketRecord> records;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        if (auto record = read_line(line, port)) records.push_back(*record);
        text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
    return records;
}

SocketTable::SocketTable(std::uint16_t port, Source preferred, std::optional<int> namespace_of)
    : port_{port}, namespace_of_{namespace_of} {
    if (preferred == Source::netlink) open_netlink();
}

void SocketTable::open_netlink() {
    std::optional<DumpError> error;
    const auto open = [&] { netlink_ = std::make_unique<SockDiag>(error); };
    if (!namespace_of_) {
        open();
    } else if (const auto entered = in_network_namespace(*namespace_of_, open); !entered) {
        return fall_back(entered.error().message);
    }
    if (error) fall_back(error->text());
}

void SocketTable::fall_back(std::string reason) {
    fallback_reason_ = std::move(reason);
    netlink_.reset();
}

Result<std::vector<SocketRecord>> SocketTable::read() {
    if (netlink_) {
        std::vector<SocketRecord> records;
        const auto error = read_netlink(records);
        if (!error) return records;
        if (!error->refused()) return usage_error(error->text());
        fall_back(error->text());
    }
    return read_proc();
}

std::optional<DumpError> SocketTable::read_netlink(std::vector<SocketRecord>& into) {
    for (std::size_t i = 0; i < families.size(); ++i) {
        const auto before = into.size();
        if (auto e = netlink_->dump({families[i], only(TcpState::listen), port_, false}, into)) {
            return e;
        }
        had_listener_[i] |= into.size() > before;
    }
    for (std::size_t i = 0; i < families.size(); ++i) {
        if (!had_listener_[i]) continue;
        const StateSet others = every_state & ~settled_elsewhere;
        const bool timed = ages_.better_with_dump();
        if (auto e = netlink_->dump({families[i], others, port_, timed}, into)) return e;
    }
    ages_.complete(into, Clock::now,
                   [this](SocketRecord& socket) { return netlink_->add_ages(socket, port_); });
    return {};
}

Result<std::vector<SocketRecord>> SocketTable::read_proc() {
    std::vector<SocketRecord> records;
    bool readable = false;
    const auto folder = namespace_of_ ? fmt::format("/proc/{}/net", *namespace_of_) : "/proc/net";
    constexpr std::array<const char*, 2> files{"/tcp", "/tcp6"};
    for (std::size_t i = 0; i < files.size(); ++i) {
        std::ifstream in{folder + files[i]};
        if (!in) continue;  // no tcp6 where IPv6 is off
        readable = true;
        std::ostringstream text;
        text << in.rdbuf();
        auto found = parse_proc_net_tcp(text.str(), port_);
        had_listener_[i] |= std::any_of(found.begin(), found.end(), [](const auto& record) {
            return record.state == TcpState::listen;
        });
        if (had_listener_[i]) records.insert(records.end(), found.begin(), found.end());
    }
    if (!readable) {
        return usage_error(fmt::format("{}{}{}/tcp cannot be read{}", fallback_reason_,
                                       fallback_reason_.empty() ? "" : "; and ", folder,
                                       namespace_of_ ? why_not_visible(*namespace_of_) : ""));
    }
    std::erase_if(records, [](const auto& r) { return r.state == TcpState::time_wait; });
    std::stable_partition(records.begin(), records.end(),
                          [](const auto& r) { return r.state == TcpState::listen; });
    return records;
}

}  // namespace loadline
