#pragma once
#include <bit>
#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace loadline {

/// A first-in-first-out queue in one array that only grows: unlike std::deque it allocates
/// nothing while its size stays below what it once was. Not thread-safe.
template <class T>
class Ring {
public:
    bool empty() const { return head_ == tail_; }
    std::size_t size() const { return tail_ - head_; }
    T& front() { return (*this)[0]; }
    const T& front() const { return (*this)[0]; }
    /// The i-th from the front.
    T& operator[](std::size_t i) {
        assert(i < size());
        return items_[(head_ + i) & mask()];
    }
    const T& operator[](std::size_t i) const {
        assert(i < size());
        return items_[(head_ + i) & mask()];
    }
    void push(T item) {
        if (size() == items_.size()) grow();
        items_[tail_++ & mask()] = std::move(item);
    }
    void push_front(T item) {
        if (size() == items_.size()) grow();
        items_[--head_ & mask()] = std::move(item);
    }
    T pop() {
        assert(!empty());
        return std::move(items_[head_++ & mask()]);
    }
    void clear() { head_ = tail_ = 0; }

private:
    std::size_t mask() const { return items_.size() - 1; }
    void grow() {
        std::vector<T> larger(items_.empty() ? 4 : items_.size() * 2);
        const auto n = size();
        for (std::size_t i = 0; i < n; ++i) larger[i] = std::move(items_[(head_ + i) & mask()]);
        items_ = std::move(larger);
        head_ = 0;
        tail_ = n;
    }

    std::vector<T> items_;             // size: a power of two
    std::size_t head_ = 0, tail_ = 0;  // count on, and wrap around
};

}  // namespace loadline
