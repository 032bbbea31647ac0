#pragma once
#include <cstddef>
#include <new>
#include <utility>

namespace loadline {

/// Room for the one handler that a connection has pending most of the time, so that
/// starting an asynchronous operation allocates nothing. A second operation at the same
/// time (after a close) falls back to the heap. Lives as long as its operations.
class HandlerMemory {
public:
    HandlerMemory() = default;
    HandlerMemory(const HandlerMemory&) = delete;
    HandlerMemory& operator=(const HandlerMemory&) = delete;

    void* allocate(std::size_t size) {
        if (!used_ && size <= sizeof room_) {
            used_ = true;
            return room_;
        }
        return ::operator new(size);
    }
    void deallocate(void* p) {
        if (p == room_) {
            used_ = false;
        } else {
            ::operator delete(p);
        }
    }

private:
    alignas(std::max_align_t) std::byte room_[192];
    bool used_ = false;
};

template <class T>
struct SlotAllocator;

/// Rebound by Asio to the type it stores.
template <>
struct SlotAllocator<void> {
    using value_type = void;
    HandlerMemory* memory;
    explicit SlotAllocator(HandlerMemory* m) : memory{m} {}
    template <class U>
    SlotAllocator(const SlotAllocator<U>& other) : memory{other.memory} {}  // NOLINT: rebinding
    template <class U>
    bool operator==(const SlotAllocator<U>& other) const {
        return memory == other.memory;
    }
};

/// The allocator that Asio asks a SlotHandler for.
template <class T>
struct SlotAllocator {
    using value_type = T;
    HandlerMemory* memory;

    explicit SlotAllocator(HandlerMemory* m) : memory{m} {}
    template <class U>
    SlotAllocator(const SlotAllocator<U>& other) : memory{other.memory} {}  // NOLINT: rebinding

    T* allocate(std::size_t n) { return static_cast<T*>(memory->allocate(n * sizeof(T))); }
    void deallocate(T* p, std::size_t) { memory->deallocate(p); }
    template <class U>
    bool operator==(const SlotAllocator<U>& other) const {
        return memory == other.memory;
    }
};

/// A completion handler whose pending operation lives in `memory`.
template <class Function>
struct SlotHandler {
    using allocator_type = SlotAllocator<void>;
    HandlerMemory* memory;
    Function function;

    allocator_type get_allocator() const noexcept { return allocator_type{memory}; }
    template <class... Arguments>
    void operator()(Arguments&&... arguments) {
        function(std::forward<Arguments>(arguments)...);
    }
};

template <class Function>
SlotHandler<Function> in_slot(HandlerMemory& memory, Function function) {
    return {&memory, std::move(function)};
}

}  // namespace loadline
