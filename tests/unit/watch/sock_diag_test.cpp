#include "watch/sock_diag.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>

namespace loadline {
namespace {

constexpr std::uint32_t our_sequence = 7;

template <class T>
void append(std::vector<char>& bytes, const T& value) {
    const auto size = bytes.size();
    bytes.resize(size + sizeof value);
    std::memcpy(bytes.data() + size, &value, sizeof value);
}

/// One netlink message around a payload, padded as the kernel does.
std::vector<char> message(std::uint16_t type, const std::vector<char>& payload,
                          std::uint16_t flags = 0, std::uint32_t sequence = our_sequence) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(payload.size()));
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    header.nlmsg_seq = sequence;
    std::vector<char> bytes;
    append(bytes, header);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    bytes.resize(NLMSG_ALIGN(bytes.size()));
    return bytes;
}

inet_diag_msg close_wait_message() {
    inet_diag_msg m{};
    m.idiag_family = AF_INET;
    m.idiag_state = static_cast<std::uint8_t>(TcpState::close_wait);
    m.idiag_timer = 2;
    m.idiag_expires = 7'199'000;
    m.id.idiag_sport = htons(8080);
    m.id.idiag_dport = htons(53422);
    m.id.idiag_src[0] = htonl(0x7f000001);
    m.id.idiag_dst[0] = htonl(0x7f000002);
    m.id.idiag_if = 3;
    m.id.idiag_cookie[0] = 0x11111111;
    m.id.idiag_cookie[1] = 0x22222222;
    m.idiag_rqueue = 1;
    m.idiag_wqueue = 5;
    m.idiag_inode = 4711;
    return m;
}

/// A socket with a tcp_info of this many bytes; longer than ours is filled with 0xff.
std::vector<char> socket_payload(std::size_t info_size, std::uint16_t other_attribute = 0) {
    std::vector<char> payload;
    append(payload, close_wait_message());
    if (other_attribute != 0) {
        append(payload, nlattr{5, other_attribute});
        payload.insert(payload.end(), {42, 0, 0, 0});
    }
    if (info_size == 0) return payload;
    tcp_info info{};
    info.tcpi_last_ack_recv = 1500;
    info.tcpi_last_data_recv = 2500;
    std::vector<char> value(info_size, '\xff');
    std::memcpy(value.data(), &info, std::min(sizeof info, info_size));
    append(payload, nlattr{static_cast<std::uint16_t>(NLA_HDRLEN + info_size), INET_DIAG_INFO});
    payload.insert(payload.end(), value.begin(), value.end());
    return payload;
}

std::vector<char> socket_message(std::size_t info_size = sizeof(tcp_info)) {
    return message(SOCK_DIAG_BY_FAMILY, socket_payload(info_size));
}

std::vector<char> operator+(std::vector<char> a, const std::vector<char>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

std::vector<char> int_payload(int value) {
    std::vector<char> payload;
    append(payload, value);
    return payload;
}

std::vector<char> error_message(int error) {
    std::vector<char> payload;
    nlmsgerr body{};
    body.error = -error;
    append(payload, body);
    return message(NLMSG_ERROR, payload);
}

/// The filter is at the end of the message: the port, compared by these two operations.
void expect_filter(const std::vector<char>& bytes, int at_least, int at_most) {
    inet_diag_bc_op code[4];
    std::memcpy(code, bytes.data() + bytes.size() - sizeof code, sizeof code);
    EXPECT_EQ(code[0].code, at_least);
    EXPECT_EQ(code[1].no, 8080);
    EXPECT_EQ(code[2].code, at_most);
    EXPECT_EQ(code[3].no, 8080);
    // From either operation "no" jumps to 4 beyond the end, which rejects.
    EXPECT_EQ(code[0].no, sizeof code + 4);
    EXPECT_EQ(code[2].no, sizeof code / 2 + 4);
}

TEST(EncodeDump, AsksForStatesAndExactlyOnePort) {
    const auto bytes = encode_dump({AF_INET6, only(TcpState::close_wait), 8080, true}, 9);
    nlmsghdr header{};
    inet_diag_req_v2 request{};
    std::memcpy(&header, bytes.data(), sizeof header);
    std::memcpy(&request, bytes.data() + NLMSG_HDRLEN, sizeof request);
    EXPECT_EQ(header.nlmsg_len, bytes.size());
    EXPECT_EQ(header.nlmsg_type, SOCK_DIAG_BY_FAMILY);
    EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
    EXPECT_EQ(header.nlmsg_seq, 9U);
    EXPECT_EQ(request.sdiag_family, AF_INET6);
    EXPECT_EQ(request.sdiag_protocol, IPPROTO_TCP);
    EXPECT_EQ(request.idiag_states, 1U << 8);
    EXPECT_EQ(request.idiag_ext, 1U << (INET_DIAG_INFO - 1));

    expect_filter(bytes, INET_DIAG_BC_S_GE, INET_DIAG_BC_S_LE);
}

TEST(EncodeDump, AsksForThePortOfThePeerOnRequest) {
    DumpRequest request{AF_INET, only(TcpState::fin_wait2), 8080};
    request.of_peer = true;
    const auto bytes = encode_dump(request, 1);
    expect_filter(bytes, INET_DIAG_BC_D_GE, INET_DIAG_BC_D_LE);
}

TEST(EncodeDump, AsksForTimesOnlyOnRequest) {
    const auto bytes = encode_dump({AF_INET, only(TcpState::listen), 80, false}, 1);
    inet_diag_req_v2 request{};
    std::memcpy(&request, bytes.data() + NLMSG_HDRLEN, sizeof request);
    EXPECT_EQ(request.idiag_ext, 0);
}

TEST(EncodeQuestion, AsksForOneSocketByItsNameAndAddresses) {
    std::vector<SocketRecord> records;
    parse_dump(socket_message(), our_sequence, records);
    const auto bytes = encode_question(records.at(0), 8080, 9);
    nlmsghdr header{};
    inet_diag_req_v2 request{};
    ASSERT_EQ(bytes.size(), NLMSG_HDRLEN + sizeof request);
    std::memcpy(&header, bytes.data(), sizeof header);
    std::memcpy(&request, bytes.data() + NLMSG_HDRLEN, sizeof request);
    EXPECT_EQ(header.nlmsg_len, bytes.size());
    EXPECT_EQ(header.nlmsg_type, SOCK_DIAG_BY_FAMILY);
    EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST) << "no dump";
    EXPECT_EQ(header.nlmsg_seq, 9U);
    EXPECT_EQ(request.sdiag_family, AF_INET);
    EXPECT_EQ(request.sdiag_protocol, IPPROTO_TCP);
    EXPECT_EQ(request.idiag_ext, 1U << (INET_DIAG_INFO - 1));
    const auto told = close_wait_message().id;
    EXPECT_EQ(std::memcmp(&request.id, &told, sizeof told), 0) << "as the kernel named it";
}

TEST(ParseDump, ReadsEveryFieldOfASocket) {
    std::vector<SocketRecord> records;
    const auto progress = parse_dump(socket_message(), our_sequence, records);
    EXPECT_FALSE(progress.done || progress.again || progress.error);
    ASSERT_EQ(records.size(), 1U);
    const auto& r = records[0];
    EXPECT_EQ(r.cookie, 0x2222222211111111U);
    EXPECT_EQ(r.state, TcpState::close_wait);
    EXPECT_EQ(r.peer(), "127.0.0.2:53422");
    EXPECT_EQ(r.inode, 4711U);
    EXPECT_EQ(r.receive_queue, 1U);
    EXPECT_EQ(r.send_queue, 5U);
    EXPECT_EQ(r.keep_alive, seconds(7199));
    EXPECT_TRUE(r.timed);
    EXPECT_EQ(r.since_last_ack, milliseconds(1500));
    EXPECT_EQ(r.since_last_data, milliseconds(2500));
}

TEST(ParseDump, TakesTcpInfoOfAnyLength) {
    const struct {
        const char* what;
        std::size_t size;
        bool timed;
    } rows[] = {{"none", 0, false},
                {"an old kernel's, cut before the times", 40, false},
                {"an old kernel's, cut in the last of them", 58, false},
                {"an old kernel's, cut right behind them", 60, true},
                {"ours", sizeof(tcp_info), true},
                {"a newer kernel's", sizeof(tcp_info) + 64, true}};
    for (const auto& [what, size, timed] : rows) {
        SCOPED_TRACE(what);
        std::vector<SocketRecord> records;
        parse_dump(socket_message(size), our_sequence, records);
        ASSERT_EQ(records.size(), 1U);
        EXPECT_EQ(records[0].timed, timed);
        EXPECT_EQ(records[0].since_last_ack, timed ? milliseconds(1500) : Duration{});
    }
}

TEST(ParseDump, SkipsAttributesItDoesNotKnow) {
    std::vector<SocketRecord> records;
    parse_dump(message(SOCK_DIAG_BY_FAMILY, socket_payload(sizeof(tcp_info), INET_DIAG_SHUTDOWN)),
               our_sequence, records);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_TRUE(records[0].timed);
}

TEST(ParseDump, FollowsADumpOverSeveralDatagrams) {
    std::vector<SocketRecord> records;
    const auto first = socket_message() + socket_message(0);
    EXPECT_FALSE(parse_dump(first, our_sequence, records).done);
    EXPECT_EQ(records.size(), 2U);
    const auto second = socket_message() + message(NLMSG_DONE, int_payload(0));
    const auto progress = parse_dump(second, our_sequence, records);
    EXPECT_TRUE(progress.done);
    EXPECT_EQ(progress.error, 0);
    EXPECT_EQ(records.size(), 3U);
}

TEST(ParseDump, TellsWhatTheKernelSaid) {
    const auto done = message(NLMSG_DONE, int_payload(0));
    auto cut = socket_message();
    cut.resize(cut.size() - 8);
    auto no_length = socket_message();
    std::memset(no_length.data(), 0, 4);
    const struct {
        const char* what;
        std::vector<char> datagram;
        bool done, again;
        int error;
        std::size_t sockets;
    } rows[] = {
        {"the end", done, true, false, 0, 0},
        {"an error", error_message(EPERM), true, false, EPERM, 0},
        {"an error at the end", message(NLMSG_DONE, int_payload(-ENOENT)), true, false, ENOENT, 0},
        {"an end without a code", message(NLMSG_DONE, {}), true, false, 0, 0},
        {"interrupted", message(SOCK_DIAG_BY_FAMILY, socket_payload(0), NLM_F_DUMP_INTR) + done,
         true, true, 0, 1},
        {"stale", message(SOCK_DIAG_BY_FAMILY, socket_payload(0), 0, our_sequence - 1) + done, true,
         false, 0, 0},
        {"another type", message(NLMSG_NOOP, socket_payload(0)) + done, true, false, 0, 0},
        {"a socket too short", message(SOCK_DIAG_BY_FAMILY, int_payload(0)) + done, true, false, 0,
         0},
        {"cut off", cut, false, true, 0, 0},
        {"half a header", {1, 2, 3, 4, 5, 6}, false, true, 0, 0},
        {"a length of 0", no_length, false, true, 0, 0},
        {"nothing", {}, false, false, 0, 0},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        std::vector<SocketRecord> records;
        const auto progress = parse_dump(row.datagram, our_sequence, records);
        EXPECT_EQ(progress.done, row.done);
        EXPECT_EQ(progress.again, row.again);
        EXPECT_EQ(progress.error, row.error);
        EXPECT_EQ(records.size(), row.sockets);
    }
}

TEST(ParseDump, StopsAtAnAttributeWithAWrongLength) {
    for (const std::uint16_t length : std::initializer_list<std::uint16_t>{0, 3, 200}) {
        SCOPED_TRACE(length);
        std::vector<char> payload;
        append(payload, close_wait_message());
        append(payload, nlattr{length, INET_DIAG_INFO});
        std::vector<SocketRecord> records;
        parse_dump(message(SOCK_DIAG_BY_FAMILY, payload), our_sequence, records);
        ASSERT_EQ(records.size(), 1U);
        EXPECT_FALSE(records[0].timed);
    }
}

TEST(ParseDump, DropsAStateItDoesNotKnow) {
    for (const std::uint8_t state : std::initializer_list<std::uint8_t>{0, 13, 255}) {
        auto odd = close_wait_message();
        odd.idiag_state = state;
        std::vector<char> payload;
        append(payload, odd);
        std::vector<SocketRecord> records;
        parse_dump(message(SOCK_DIAG_BY_FAMILY, payload), our_sequence, records);
        EXPECT_TRUE(records.empty()) << int{state};
    }
}

TEST(SocketRecord, ShowsItsPeer) {
    const struct {
        int family;
        const char* address;
        const char* shown;
    } rows[] = {{AF_INET, "10.1.2.3", "10.1.2.3:99"},
                {AF_INET6, "::1", "[::1]:99"},
                {AF_INET6, "2001:db8::5", "[2001:db8::5]:99"},
                {AF_INET6, "::ffff:10.1.2.3", "10.1.2.3:99"}};
    for (const auto& [family, address, shown] : rows) {
        SocketRecord record;
        record.family = family;
        record.port = 99;
        ASSERT_EQ(::inet_pton(family, address, record.address.data()), 1);
        EXPECT_EQ(record.peer(), shown);
    }
}

TEST(DumpError, NamesWhatIsMissing) {
    const struct {
        int code;
        bool refused;
        const char* text;
    } rows[] = {
        {EPERM, true,
         "NETLINK_SOCK_DIAG is forbidden here (EPERM): a seccomp profile or security module must "
         "allow it, or grant CAP_NET_ADMIN"},
        {EACCES, true,
         "NETLINK_SOCK_DIAG is forbidden here (EACCES): a seccomp profile or security module must "
         "allow it, or grant CAP_NET_ADMIN"},
        {ENOENT, true, "the kernel has no tcp_diag (ENOENT): modprobe tcp_diag"},
        {EPROTONOSUPPORT, true, "the kernel has no sock_diag: modprobe inet_diag tcp_diag"},
        {ENOBUFS, false, "sock_diag: No buffer space available"},
    };
    for (const auto& [code, refused, text] : rows) {
        EXPECT_EQ(DumpError{code}.refused(), refused) << text;
        EXPECT_EQ(DumpError{code}.text(), text);
    }
}

}  // namespace
}  // namespace loadline
