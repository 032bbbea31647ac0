// Who listens on a port: processes of their own, and time that the test passes in.
#include "watch/port_owner.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "child_process.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A child that listens on what it was born with, until it ends; our own copies are closed.
Child service([[maybe_unused]] std::unique_ptr<ListeningSocket> first,
              [[maybe_unused]] std::unique_ptr<ListeningSocket> second = {}) {
    return Child{[] {}};
}

std::unique_ptr<ListeningSocket> listening(std::uint16_t port = 0) {
    auto socket = std::make_unique<ListeningSocket>(AF_INET, port);
    EXPECT_TRUE(socket->open());
    return socket;
}

TEST(PortOwner, IsFoundAgainAsSoonAsAnotherTakesItsPlace) {
    const TimePoint start{seconds{1000}};
    auto socket = listening();
    const auto port = socket->port();
    PortOwner owner{port};
    Child first = service(std::move(socket));
    EXPECT_EQ(owner.look(start), first.pid());
    first.end();
    EXPECT_EQ(owner.look(start + seconds{30}), std::nullopt);
    EXPECT_EQ(owner.look(start + seconds{50}), std::nullopt);
    const Child second = service(listening(port));
    EXPECT_EQ(owner.look(start + milliseconds{50'999}), std::nullopt) << "once a second is enough";
    EXPECT_EQ(owner.look(start + seconds{51}), second.pid())
        << "where nobody listens the searches do not become rare";
    EXPECT_EQ(owner.look(start + seconds{51}), second.pid());
}

TEST(PortOwner, IsNobodyWhereItIsTheServiceOfTheOtherPort) {
    const TimePoint start{seconds{1000}};
    auto front = listening(), back = listening();
    const auto front_port = front->port(), back_port = back->port();
    PortOwner any{front_port}, other{front_port, back_port};
    Child both = service(std::move(front), std::move(back));
    EXPECT_EQ(any.look(start), both.pid());
    EXPECT_EQ(other.look(start), std::nullopt);
    EXPECT_TRUE(other.same_service());
    both.end();
    const Child later = service(listening(front_port));
    EXPECT_EQ(other.look(start + seconds{90}), std::nullopt) << "for good";
}

TEST(PortOwner, WaitsUntilItIsKnownWhoListensOnTheOtherPort) {
    const TimePoint start{seconds{1000}};
    auto front = listening(), back = listening();
    const auto front_port = front->port(), back_port = back->port();
    back.reset();
    PortOwner owner{front_port, back_port};
    const Child proxy = service(std::move(front));
    EXPECT_EQ(owner.look(start), std::nullopt) << "it may be the same";
    Child application = service(listening(back_port));
    EXPECT_EQ(owner.look(start + seconds{1}), proxy.pid());
    EXPECT_FALSE(owner.same_service());
    application.end();
    EXPECT_EQ(owner.look(start + seconds{2}), proxy.pid()) << "whatever becomes of the application";
}

}  // namespace
}  // namespace loadline
