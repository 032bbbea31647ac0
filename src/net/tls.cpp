#include "net/tls.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <new>

namespace loadline {
namespace {

bool is_ip_address(const std::string& host) {
    unsigned char address[16];
    return ::inet_pton(AF_INET, host.c_str(), address) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), address) == 1;
}

/// The oldest error in OpenSSL's queue; empties it.
unsigned long take_error() {
    const auto error = ERR_get_error();
    ERR_clear_error();
    return error;
}

std::string reason(unsigned long error) {
    const char* text = error == 0 ? nullptr : ERR_reason_error_string(error);
    return text ? text : "the peer ended it";
}

Error file_error(const char* what, const std::string& file) {
    return usage_error(fmt::format("{} {}: {}", what, file, reason(take_error())));
}

Result<void> load_files(SSL_CTX* context, const TlsOptions& options) {
    if (options.ca.empty()) {
        SSL_CTX_set_default_verify_paths(context);
    } else if (SSL_CTX_load_verify_file(context, options.ca.c_str()) != 1) {
        return file_error("the trusted certificates", options.ca);
    }
    if (options.certificate.empty()) return {};
    if (SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) != 1) {
        return file_error("the certificate", options.certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return file_error("the private key", options.key);
    }
    return {};
}

constexpr unsigned char http_1_1[] = "\x08http/1.1";

}  // namespace

TlsContext::TlsContext(const TlsOptions& options, std::string host)
    : context_{SSL_CTX_new(TLS_client_method())},
      host_{std::move(host)},
      verify_{options.verify},
      resume_{options.resume} {
    if (!context_) throw std::bad_alloc{};
    auto* context = context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, verify_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_app_data(context, this);
    // A peer that closes without a close_notify ends the connection: HTTP knows its own ends.
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (!resume_) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        return;
    }
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
        auto* self = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
        self->last_session_.reset(session);
        return 1;  // it is ours now
    });
}

Result<std::unique_ptr<TlsContext>> TlsContext::create(const TlsOptions& options,
                                                       std::string host) {
    std::unique_ptr<TlsContext> context{new TlsContext{options, std::move(host)}};
    if (const auto loaded = load_files(context->context_.get(), options); !loaded) {
        return loaded.error();
    }
    return context;
}

TlsSession::TlsSession(TlsContext& context)
    : context_{context},
      ssl_{SSL_new(context.context_.get())},
      in_{BIO_new(BIO_s_mem())},
      out_{BIO_new(BIO_s_mem())} {
    if (!ssl_ || !in_ || !out_) throw std::bad_alloc{};
    auto* ssl = ssl_.get();
    SSL_set_bio(ssl, in_, out_);
    BIO_set_mem_eof_return(in_, -1);  // an empty buffer means: wait
    SSL_set_connect_state(ssl);
    SSL_set_alpn_protos(ssl, http_1_1, sizeof http_1_1 - 1);
    if (is_ip_address(context.host_)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), context.host_.c_str());
    } else {
        SSL_set_tlsext_host_name(ssl, context.host_.c_str());
        SSL_set1_host(ssl, context.host_.c_str());
    }
    if (context.last_session_) SSL_set_session(ssl, context.last_session_.get());
}

TlsSession::Handshake TlsSession::handshake() {
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return Handshake::done;
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return Handshake::more;
    error_ = take_error();
    return Handshake::failed;
}

std::string TlsSession::problem() const {
    const auto verified = SSL_get_verify_result(ssl_.get());
    if (verified == X509_V_OK) return reason(error_);
    return fmt::format("{}: {}", reason(error_), X509_verify_cert_error_string(verified));
}

bool TlsSession::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

void TlsSession::feed(const char* data, std::size_t size) {
    BIO_write(in_, data, static_cast<int>(size));  // memory: takes all
}

TlsSession::Read TlsSession::decrypt(char* to, std::size_t room, std::size_t& got) {
    got = 0;
    const int result = SSL_read_ex(ssl_.get(), to, room, &got);
    if (result == 1) return Read::some;
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return Read::more;
        case SSL_ERROR_ZERO_RETURN:
            return Read::closed;
        default:
            error_ = take_error();
            return Read::failed;
    }
}

bool TlsSession::encrypt(std::string_view bytes) {
    std::size_t written = 0;
    if (bytes.empty()) return true;
    if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written) == 1) return true;
    error_ = take_error();
    return false;
}

std::string_view TlsSession::output() const {
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out_, &data);
    return std::string_view{data, static_cast<std::size_t>(std::max(size, 0L))}.substr(sent_);
}

void TlsSession::sent(std::size_t n) {
    sent_ += n;
    if (!output().empty()) return;
    sent_ = 0;
    (void)BIO_reset(out_);  // keeps its memory
}

}  // namespace loadline
