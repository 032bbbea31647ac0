#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/tls_options.hpp"

namespace loadline {

struct SslFree {
    void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
    void operator()(SSL* p) const { SSL_free(p); }
    void operator()(SSL_SESSION* p) const { SSL_SESSION_free(p); }
};

/// TLS towards one host, for the connections of one thread: what is trusted, our own
/// certificate, and the last session, to be resumed. TLS 1.2 and 1.3. Not thread-safe.
class TlsContext {
public:
    /// `host`: a name (also sent as SNI) or an IP address, for verification. Usage error when
    /// a file cannot be read or key and certificate do not belong together.
    static Result<std::unique_ptr<TlsContext>> create(const TlsOptions& options, std::string host);
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

private:
    friend class TlsSession;
    TlsContext(const TlsOptions& options, std::string host);

    std::unique_ptr<SSL_CTX, SslFree> context_;
    std::unique_ptr<SSL_SESSION, SslFree> last_session_;
    std::string host_;
    bool verify_, resume_;
};

/// One connection's TLS without a socket: bytes of the wire go in with `feed` and come out
/// of `output`, so that it sits between any transport and any parser. Allocates nothing per
/// record once its buffers have grown. The context must outlive it.
class TlsSession {
public:
    explicit TlsSession(TlsContext& context);

    enum class Handshake : std::uint8_t { more, done, failed };
    /// Goes as far as what was fed allows. In every case `output` may have something to send.
    Handshake handshake();
    /// Why it failed, for people: "certificate verify failed: self-signed certificate".
    std::string problem() const;
    /// After `done`: whether an earlier session was taken up.
    bool resumed() const;

    /// Takes bytes from the wire.
    void feed(const char* data, std::size_t size);
    /// Decrypts up to `room` bytes (above zero) of what was fed.
    enum class Read : std::uint8_t { some, more, closed, failed };
    Read decrypt(char* to, std::size_t room, std::size_t& got);

    /// Encrypts all of `bytes` behind what `output` still holds. False: the session is broken.
    bool encrypt(std::string_view bytes);
    /// Says goodbye (close_notify) behind what `output` still holds.
    void say_goodbye() { SSL_shutdown(ssl_.get()); }
    /// What is to be sent, valid until the next call of anything but sent().
    std::string_view output() const;
    /// `n` bytes of the output are on their way.
    void sent(std::size_t n);

private:
    TlsContext& context_;
    std::unique_ptr<SSL, SslFree> ssl_;
    BIO *in_, *out_;  // owned by ssl_
    std::size_t sent_ = 0;
    unsigned long error_ = 0;
};

}  // namespace loadline
