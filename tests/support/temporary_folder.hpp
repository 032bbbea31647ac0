#pragma once
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace loadline {

/// An empty folder that nobody else has: tests run beside each other, each in a process of its own.
/// Removed at the end.
class TemporaryFolder {
public:
    TemporaryFolder() : path{made()} {}
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;

    std::filesystem::path operator/(const std::filesystem::path& file) const { return path / file; }

    /// Writes a file in it, and makes the folders on the way.
    void write(const std::filesystem::path& file, const std::string& text) const {
        std::filesystem::create_directories((path / file).parent_path());
        std::ofstream out{path / file};
        out << text;
        if (!out.flush()) throw std::runtime_error{(path / file).string() + " cannot be written"};
    }

    const std::filesystem::path path;

private:
    static std::filesystem::path made() {
        auto name = (std::filesystem::temp_directory_path() / "loadline-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            throw std::system_error{errno, std::generic_category(), name};
        }
        return name;
    }
};

}  // namespace loadline
