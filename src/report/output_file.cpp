#include "report/output_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace loadline {

OutputFile::OutputFile(const std::filesystem::path& path)
    : fd_{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)} {
    if (fd_ < 0) error_ = errno;
    setp(buffer_.data(), buffer_.data() + buffer_.size());
}

int OutputFile::close() {
    if (fd_ < 0) return error_;
    flush();
    if (::close(fd_) != 0 && error_ == 0) error_ = errno;
    fd_ = -1;
    return error_;
}

OutputFile::int_type OutputFile::overflow(int_type c) {
    if (!flush()) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) {
        *pptr() = traits_type::to_char_type(c);
        pbump(1);
    }
    return traits_type::not_eof(c);
}

bool OutputFile::flush() {
    const char* at = pbase();
    const auto whole = written_;
    while (error_ == 0 && at < pptr()) {
        const auto n = ::write(fd_, at, static_cast<std::size_t>(pptr() - at));
        if (n > 0) at += n;
        if (n > 0) written_ += n;
        if (n < 0 && errno != EINTR) error_ = errno;
    }
    if (error_ != 0 && fd_ >= 0 && written_ > whole) {
        written_ = ::ftruncate(fd_, whole) == 0 ? whole : written_;
    }
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return error_ == 0;
}

}  // namespace loadline
