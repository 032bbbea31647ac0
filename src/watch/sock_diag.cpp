#include "watch/sock_diag.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace loadline {
namespace {

constexpr int attempts = 4;
constexpr int most_losses = 16;                // reported during one attempt
constexpr unsigned char keep_alive_timer = 2;  // idiag_timer: 0 off, 1 retransmit, 2 keep-alive

/// "is the source port (of the peer: the destination port) exactly this one": greater or equal, and
/// less or equal. Each operation is followed by its argument; a jump past the end by 4 means "no".
std::array<inet_diag_bc_op, 4> port_filter(std::uint16_t port, bool of_peer) {
    constexpr unsigned char op = sizeof(inet_diag_bc_op);
    std::array<inet_diag_bc_op, 4> code{};
    const unsigned char at_least = of_peer ? INET_DIAG_BC_D_GE : INET_DIAG_BC_S_GE;
    const unsigned char at_most = of_peer ? INET_DIAG_BC_D_LE : INET_DIAG_BC_S_LE;
    code[0] = {at_least, 2 * op, 4 * op + 4};
    code[1].no = port;
    code[2] = {at_most, 2 * op, 2 * op + 4};
    code[3].no = port;
    return code;
}

struct QuestionMessage {
    nlmsghdr header;
    inet_diag_req_v2 request;
};

struct DumpMessage {
    nlmsghdr header;
    inet_diag_req_v2 request;
    nlattr attribute;
    std::array<inet_diag_bc_op, 4> code;
};

constexpr std::uint8_t with_info = 1U << (INET_DIAG_INFO - 1);

template <class Message>
std::vector<char> bytes_of(const Message& message) {
    const auto* bytes = reinterpret_cast<const char*>(&message);
    return {bytes, bytes + sizeof message};
}

/// A T from the start of the bytes; what is missing at the end stays zero. Messages of
/// newer or older kernels are longer or shorter than our headers say.
template <class T>
T read_front(std::span<const char> bytes) {
    T value{};
    std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
    return value;
}

void add_times(SocketRecord& record, std::span<const char> attributes) {
    while (attributes.size() >= sizeof(nlattr)) {
        const auto attribute = read_front<nlattr>(attributes);
        if (attribute.nla_len < sizeof attribute || attribute.nla_len > attributes.size()) return;
        const auto value = attributes.subspan(
            NLA_HDRLEN, attribute.nla_len - static_cast<std::size_t>(NLA_HDRLEN));
        if (attribute.nla_type == INET_DIAG_INFO &&
            value.size() >= offsetof(tcp_info, tcpi_last_ack_recv) + sizeof(__u32)) {
            const auto info = read_front<tcp_info>(value);
            record.timed = true;
            record.since_last_ack = std::chrono::milliseconds{info.tcpi_last_ack_recv};
            record.since_last_data = std::chrono::milliseconds{info.tcpi_last_data_recv};
        }
        attributes = attributes.subspan(
            std::min<std::size_t>(attributes.size(), NLA_ALIGN(attribute.nla_len)));
    }
}

SocketRecord record_of(std::span<const char> payload) {
    const auto message = read_front<inet_diag_msg>(payload);
    SocketRecord record;
    record.cookie =
        message.id.idiag_cookie[0] | static_cast<std::uint64_t>(message.id.idiag_cookie[1]) << 32;
    record.state = static_cast<TcpState>(message.idiag_state);
    record.family = message.idiag_family;
    static_assert(sizeof message.id.idiag_dst == sizeof record.address);
    std::memcpy(record.address.data(), message.id.idiag_dst, record.address.size());
    std::memcpy(record.local_address.data(), message.id.idiag_src, record.local_address.size());
    record.port = ntohs(message.id.idiag_dport);
    record.interface = message.id.idiag_if;
    record.inode = message.idiag_inode;
    record.receive_queue = message.idiag_rqueue;
    record.send_queue = message.idiag_wqueue;
    if (message.idiag_timer == keep_alive_timer) {
        record.keep_alive = std::chrono::milliseconds{message.idiag_expires};
    }
    add_times(record, payload.subspan(sizeof message));
    return record;
}

bool known(TcpState state) {
    return state >= TcpState::established && state <= TcpState::new_syn_recv;
}

}  // namespace

std::string SocketRecord::peer() const {
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(family, address.data(), text, sizeof text);
    std::string_view host{text};
    if (host.starts_with("::ffff:") && host.find('.') != host.npos) host.remove_prefix(7);
    return host.find(':') == host.npos ? fmt::format("{}:{}", host, port)
                                       : fmt::format("[{}]:{}", host, port);
}

std::vector<char> encode_dump(const DumpRequest& request, std::uint32_t sequence) {
    DumpMessage message{};
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.header.nlmsg_seq = sequence;
    message.request.sdiag_family = static_cast<std::uint8_t>(request.family);
    message.request.sdiag_protocol = IPPROTO_TCP;
    message.request.idiag_states = request.states;
    if (request.timed) message.request.idiag_ext = with_info;
    message.attribute.nla_type = INET_DIAG_REQ_BYTECODE;
    message.attribute.nla_len = sizeof message.attribute + sizeof message.code;
    message.code = port_filter(request.port, request.of_peer);
    return bytes_of(message);
}

std::vector<char> encode_question(const SocketRecord& socket, std::uint16_t port,
                                  std::uint32_t sequence) {
    QuestionMessage message{};
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message.header.nlmsg_flags = NLM_F_REQUEST;
    message.header.nlmsg_seq = sequence;
    message.request.sdiag_family = static_cast<std::uint8_t>(socket.family);
    message.request.sdiag_protocol = IPPROTO_TCP;
    message.request.idiag_ext = with_info;
    auto& id = message.request.id;
    id.idiag_sport = htons(port);
    id.idiag_dport = htons(socket.port);
    std::memcpy(id.idiag_src, socket.local_address.data(), sizeof id.idiag_src);
    std::memcpy(id.idiag_dst, socket.address.data(), sizeof id.idiag_dst);
    id.idiag_if = socket.interface;
    id.idiag_cookie[0] = static_cast<std::uint32_t>(socket.cookie);
    id.idiag_cookie[1] = static_cast<std::uint32_t>(socket.cookie >> 32);
    return bytes_of(message);
}

DumpProgress parse_dump(std::span<const char> datagram, std::uint32_t sequence,
                        std::vector<SocketRecord>& into) {
    DumpProgress progress;
    while (!datagram.empty()) {
        const auto header = read_front<nlmsghdr>(datagram);
        if (datagram.size() < sizeof header || header.nlmsg_len < sizeof header ||
            header.nlmsg_len > datagram.size()) {
            progress.again = true;  // cut off
            return progress;
        }
        const auto payload = datagram.subspan(
            NLMSG_HDRLEN, header.nlmsg_len - static_cast<std::size_t>(NLMSG_HDRLEN));
        if (header.nlmsg_seq == sequence) {
            if (header.nlmsg_flags & NLM_F_DUMP_INTR) progress.again = true;
            if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
                progress.done = true;  // both begin with a negative errno, or 0
                progress.error = -read_front<int>(payload);
            } else if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
                       payload.size() >= sizeof(inet_diag_msg)) {
                const auto record = record_of(payload);
                if (known(record.state)) into.push_back(record);
            }
        }
        datagram =
            datagram.subspan(std::min<std::size_t>(datagram.size(), NLMSG_ALIGN(header.nlmsg_len)));
    }
    return progress;
}

bool DumpError::refused() const {
    return code == EPERM || code == EACCES || code == ENOENT || code == EPROTONOSUPPORT ||
           code == EAFNOSUPPORT || code == EINVAL || code == EOPNOTSUPP;
}

std::string DumpError::text() const {
    switch (code) {
        case EPERM:
        case EACCES:
            return fmt::format(
                "NETLINK_SOCK_DIAG is forbidden here ({}): a seccomp profile or security module "
                "must allow it, or grant CAP_NET_ADMIN",
                code == EPERM ? "EPERM" : "EACCES");
        case ENOENT:
            return "the kernel has no tcp_diag (ENOENT): modprobe tcp_diag";
        case EPROTONOSUPPORT:
        case EAFNOSUPPORT:
            return "the kernel has no sock_diag: modprobe inet_diag tcp_diag";
        default:
            return fmt::format("sock_diag: {}", std::strerror(code));
    }
}

SockDiag::SockDiag(std::optional<DumpError>& error)
    : fd_{::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)} {
    if (fd_ < 0) {
        error = DumpError{errno};
        return;
    }
    const timeval patience{2, 0};  // the kernel answers at once; never hang
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

SockDiag::~SockDiag() {
    if (fd_ >= 0) ::close(fd_);
}

std::optional<DumpError> SockDiag::dump(const DumpRequest& request,
                                        std::vector<SocketRecord>& into) {
    const auto start = into.size();
    Attempt attempt;
    for (int i = 0; i < attempts; ++i) {
        into.resize(start);
        attempt = dump_once(request, into);
        if (!attempt.again) break;
    }
    if (attempt.error == 0) return {};  // if interrupted each time: nearly right, and soon renewed
    into.resize(start);
    return DumpError{attempt.error};
}

SockDiag::Attempt SockDiag::dump_once(const DumpRequest& request, std::vector<SocketRecord>& into) {
    const auto message = encode_dump(request, ++sequence_);
    if (::send(fd_, message.data(), message.size(), 0) < 0) return {false, errno};
    Attempt attempt;
    for (int losses = 0;
         ;) {  // to the end of the dump even when a part is lost: until then no other can start
        const auto n = ::recv(fd_, buffer_.data(), buffer_.size(), MSG_TRUNC);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno != ENOBUFS || ++losses > most_losses)) return {false, errno};
        const auto size = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
        if (n < 0 || size > buffer_.size()) {
            attempt = {true, n < 0 ? errno : EMSGSIZE};
            buffer_.resize(std::max(size, buffer_.size()));
            continue;
        }
        const auto progress = parse_dump({buffer_.data(), size}, sequence_, into);
        attempt.again |= progress.again;
        if (progress.error != 0) return {false, progress.error};
        if (progress.done) return attempt;
    }
}

std::optional<DumpError> SockDiag::add_ages(SocketRecord& socket, std::uint16_t port) {
    const auto message = encode_question(socket, port, ++sequence_);
    if (::send(fd_, message.data(), message.size(), 0) < 0) return DumpError{errno};
    std::vector<SocketRecord> answer;
    while (answer.empty()) {
        const auto n = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return DumpError{errno};
        const auto size = static_cast<std::size_t>(n);
        const auto progress = parse_dump({buffer_.data(), size}, sequence_, answer);
        if (progress.error == ENOENT || progress.error == ESTALE) return {};
        if (progress.error != 0) return DumpError{progress.error};
        if (progress.done || progress.again) return DumpError{EBADMSG};
    }
    socket.timed = answer.front().timed;
    socket.since_last_ack = answer.front().since_last_ack;
    socket.since_last_data = answer.front().since_last_data;
    return {};
}

}  // namespace loadline
