#include "lab/delay_server.hpp"

#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lab/hiccup_meter.hpp"

namespace loadline {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

const std::string get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string answer =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"id\":7}";

/// A client that blocks.
struct Client {
    explicit Client(const DelayServer& server) {
        socket.connect({asio::ip::address_v4::loopback(), server.port()});
    }
    void send(const std::string& bytes) { asio::write(socket, asio::buffer(bytes)); }
    std::string receive(std::size_t n) {
        std::string text(n, '\0');
        boost::system::error_code ec;
        text.resize(asio::read(socket, asio::buffer(text), ec));
        return text;
    }
    std::string receive() { return receive(answer.size()); }

    asio::io_context io;
    tcp::socket socket{io};
};

auto server_with(Delay delay) { return DelayServer::start({.delay = delay}).value(); }

TEST(DelayServer, AnswersAfterTheDelayAndLogsIt) {
    auto server = server_with(ConstantDelay{milliseconds(20)});
    Client client{*server};
    for (int i = 0; i < 3; ++i) {
        const auto began = Clock::now();
        client.send(get);
        EXPECT_EQ(client.receive(), answer);
        EXPECT_GE(Clock::now() - began, milliseconds(20));
    }
    const auto log = server->take_log();
    EXPECT_EQ(log.count(), 3u);
    EXPECT_GE(log.min(), milliseconds(19.9));
    EXPECT_EQ(server->take_log().count(), 0u) << "it was taken";
}

TEST(DelayServer, AnAnswerDoesNotWaitForASlowerOne) {
    const Delay delay = BimodalDelay{milliseconds(1), seconds(60), 0.5};
    auto server = server_with(delay);
    Rng rng{1};  // draws what the server draws
    std::vector<std::unique_ptr<Client>> clients;
    std::uint64_t quick = 0, answered = 0;
    for (int i = 0; i < 10; ++i) {
        clients.push_back(std::make_unique<Client>(*server));
        clients.back()->send(get);
        quick += draw(delay, rng) < seconds(1);
    }
    ASSERT_TRUE(quick > 0 && quick < 10) << "some of both";
    const auto end = Clock::now() + seconds(20);
    while (answered < quick && Clock::now() < end) {
        answered += server->take_log().count();
        std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_EQ(answered, quick);
}

TEST(DelayServer, AStallHoldsTheAnswersThatFallDueInIt) {
    auto server = server_with(ConstantDelay{});
    Client client{*server};
    const auto begin = Clock::now();
    server->stall(begin, milliseconds(200));
    server->take_log();  // the stall is in force
    client.send(get);
    EXPECT_EQ(client.receive(), answer);
    EXPECT_GE(Clock::now() - begin, milliseconds(200));
    client.send(get);
    EXPECT_EQ(client.receive(), answer);
    EXPECT_EQ(server->take_log().count(), 2u);
}

TEST(DelayServer, ServesBodiesInPiecesAndPipelinedRequests) {
    auto server = server_with(ConstantDelay{});
    Client client{*server};
    const std::string post = "POST /a HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\n\r\n";
    client.send(post + "he");
    client.send("llo" + get + get);
    EXPECT_EQ(client.receive(3 * answer.size()), answer + answer + answer);
    EXPECT_EQ(server->take_log().count(), 3u);
}

TEST(DelayServer, ClosesAConnectionThatSendsWhatItDoesNotServe) {
    auto server = server_with(ConstantDelay{});
    for (const std::string& bytes : {
             std::string{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"},
             std::string{"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n"},
             std::string{"POST / HTTP/1.1\r\nContent-Length: no\r\n\r\n"},
             std::string{"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n"},
             std::string(8 * 1024 + 1, 'x'),
         }) {
        SCOPED_TRACE(bytes.substr(0, 60));
        Client client{*server};
        client.send(bytes);
        EXPECT_EQ(client.receive(1), "");
    }
    Client client{*server};
    client.send(get);
    EXPECT_EQ(client.receive(), answer) << "others are served as before";
}

TEST(DelayServer, EndsWithRequestsInFlight) {
    auto server = server_with(ConstantDelay{seconds(60)});
    Client client{*server};
    client.send(get);
    server.reset();
    EXPECT_EQ(client.receive(1), "");
}

TEST(HiccupMeter, RecordsAboutOneValueForEachPeriod) {
    HiccupMeter meter;
    const auto began = Clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
    const auto& hiccups = meter.stop();
    const double periods = to_seconds(Clock::now() - began) / to_seconds(HiccupMeter::period);
    EXPECT_GT(static_cast<double>(hiccups.count()), 0.3 * periods);
    EXPECT_LE(static_cast<double>(hiccups.count()), 1.01 * periods + 1);
}

}  // namespace
}  // namespace loadline
