#pragma once
#include <concepts>
#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

#include "base/log.hpp"

namespace loadline {

template <class T>
class Later;

/// The giving end of one value. Fulfilled at most once, on the thread that awaits.
/// Dropped unfulfilled, it destroys the coroutine that waits, so nothing waits for
/// ever and nothing leaks at shutdown. Move-only.
template <class T>
class Promise {
public:
    Promise() : state_{std::make_shared<State>()} {}
    Promise(Promise&&) noexcept = default;
    Promise& operator=(Promise&&) = delete;
    ~Promise() {
        if (!state_ || state_->value) return;
        state_->abandoned = true;
        if (state_->waiter) std::exchange(state_->waiter, {}).destroy();
    }

    Later<T> later() const { return Later<T>{state_}; }

    /// Hands the value over and resumes the coroutine that waits, inside this call.
    void set(T value) {
        const auto state = state_;  // the coroutine may destroy this promise
        state->value.emplace(std::move(value));
        if (state->waiter) std::exchange(state->waiter, {}).resume();
    }

private:
    friend class Later<T>;
    struct State {
        std::optional<T> value;
        std::coroutine_handle<> waiter;
        bool abandoned = false;
    };
    std::shared_ptr<State> state_;
};

/// A value that is there now or comes later; `co_await` it once. A plain value
/// converts to it without an allocation, so an operation that need not wait costs
/// nothing extra. A coroutine may return it: it starts at once (eager) and runs on
/// the thread that called it. Single-threaded: set and awaited on one thread.
template <class T>
class Later {
public:
    struct promise_type {
        Promise<T> result;
        Later get_return_object() { return result.later(); }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        template <class U>
        void return_value(U&& value) {
            result.set(T(std::forward<U>(value)));
        }
        // The result is dropped with the frame, and the waiting coroutine with it.
        void unhandled_exception() { log_warn("internal error: an operation threw"); }
    };

    template <class U>
    requires std::convertible_to<U, T> Later(U&& value)
        : value_{std::in_place, std::forward<U>(value)} {}  // NOLINT: meant to convert

    bool await_ready() const noexcept { return value_ || state_->value; }
    void await_suspend(std::coroutine_handle<> waiter) {
        if (state_->abandoned) {
            waiter.destroy();  // nobody will ever answer; destroys this object too
        } else {
            state_->waiter = waiter;
        }
    }
    T await_resume() { return std::move(value_ ? *value_ : *state_->value); }

private:
    friend class Promise<T>;
    using State = typename Promise<T>::State;
    explicit Later(std::shared_ptr<State> state) : state_{std::move(state)} {}

    std::optional<T> value_;
    std::shared_ptr<State> state_;
};

/// A coroutine that nobody awaits: it starts at once and cleans up after itself.
struct Job {
    struct promise_type {
        Job get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() { log_warn("internal error: a request's handler threw"); }
    };
};

}  // namespace loadline
