#include "missiond/kdf_pool.hpp"

#include <boost/asio/post.hpp>

#include "missiond/secrets.hpp"

namespace loadline::missiond {

KdfPool::KdfPool(unsigned threads, unsigned rounds) : rounds_{rounds}, pool_{threads} {}

KdfPool::~KdfPool() {
    pool_.stop();
    pool_.join();
}

template <class T, class Work>
Later<T> KdfPool::compute(boost::asio::io_context& home, Work work) {
    Promise<T> promise;
    auto later = promise.later();
    waiting_.fetch_add(1, std::memory_order_relaxed);
    boost::asio::post(pool_, [this, &home, promise = std::move(promise),
                              work = std::move(work)]() mutable {
        T value = work();
        waiting_.fetch_sub(1, std::memory_order_relaxed);
        boost::asio::post(home, [promise = std::move(promise), value = std::move(value)]() mutable {
            promise.set(std::move(value));
        });
    });
    return later;
}

Later<std::string> KdfPool::hash(boost::asio::io_context& home, std::string password) {
    return compute<std::string>(home, [password = std::move(password), rounds = rounds_] {
        return hash_password(password, rounds);
    });
}

Later<bool> KdfPool::matches(boost::asio::io_context& home, std::string password,
                             std::string stored) {
    return compute<bool>(
        home, [password = std::move(password), stored = std::move(stored), rounds = rounds_] {
            return password_matches(password, stored, rounds);
        });
}

}  // namespace loadline::missiond
