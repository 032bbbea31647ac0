#include "net/later.hpp"

#include <gtest/gtest.h>

#include <string>

namespace loadline {
namespace {

/// Counts down when the coroutine frame that holds it is destroyed.
struct Witness {
    int* alive;
    explicit Witness(int& count) : alive{&count} { ++*alive; }
    Witness(Witness&& other) noexcept : alive{other.alive} { ++*alive; }
    ~Witness() { --*alive; }
};

Job store(Later<std::string> later, std::string& to, Witness) { to = co_await later; }

Later<std::string> twice(Later<std::string> later) {
    const auto text = co_await later;
    co_return text + text;
}

TEST(Later, HoldsAValueThatIsThereAtOnce) {
    std::string got;
    int alive = 0;
    store(std::string{"now"}, got, Witness{alive});
    EXPECT_EQ(got, "now");
    EXPECT_EQ(alive, 0);
}

TEST(Later, ResumesWhoWaitsWhenTheValueIsSet) {
    Promise<std::string> promise;
    std::string got;
    int alive = 0;
    store(twice(promise.later()), got, Witness{alive});
    EXPECT_EQ(got, "");
    EXPECT_EQ(alive, 1);
    promise.set("ab");
    EXPECT_EQ(got, "abab");
    EXPECT_EQ(alive, 0);
}

TEST(Later, DestroysWhoWaitsForADroppedPromise) {
    std::string got;
    int alive = 0;
    {
        Promise<std::string> promise;
        store(twice(promise.later()), got, Witness{alive});
        EXPECT_EQ(alive, 1);
    }
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(got, "");
}

TEST(Later, DestroysWhoAwaitsAPromiseDroppedBefore) {
    std::string got;
    int alive = 0;
    auto promise = std::make_unique<Promise<std::string>>();
    auto later = promise->later();
    promise.reset();
    store(std::move(later), got, Witness{alive});
    EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace loadline
