#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <streambuf>

namespace loadline {

/// A file being written, which remembers why a write failed: a std::ofstream forgets it.
/// After a failure it ends with the last flush that succeeded: no half lines stay.
class OutputFile : public std::streambuf {
public:
    explicit OutputFile(const std::filesystem::path& path);
    ~OutputFile() override { close(); }
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    /// Bytes in the file so far.
    std::int64_t size() const { return written_; }

    /// Writes what is left and closes; 0 or the errno of the first failure.
    int close();

protected:
    int_type overflow(int_type c) override;
    int sync() override { return flush() ? 0 : -1; }

private:
    bool flush();

    int fd_;
    int error_ = 0;
    std::int64_t written_ = 0;
    std::array<char, 1 << 16> buffer_;
};

}  // namespace loadline
