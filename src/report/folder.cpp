#include "report/folder.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <ostream>

#include "report/figures.hpp"
#include "report/html.hpp"
#include "report/markdown.hpp"
#include "report/output_file.hpp"
#include "report/spectrum.hpp"
#include "result/timeline_json.hpp"
#include "result/to_json.hpp"
#include "stats/hlog.hpp"

namespace loadline {
namespace {

namespace fs = std::filesystem;

Error not_written(const fs::path& path, const char* why) {
    return output_error(fmt::format("{} could not be written: {}", path.string(), why));
}

Error not_usable(const fs::path& path, const char* why) {
    return usage_error(fmt::format("the report folder {} cannot be used: {}", path.string(), why));
}

/// A name that is safe as one part of a path on any system.
std::string file_name_of(const std::string& text) {
    std::string name;
    for (const char c : text.substr(0, 80)) {
        const auto u = static_cast<unsigned char>(c);
        const bool safe = (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') ||
                          (u >= 'A' && u <= 'Z') || u == '-' || u == '_' || u == '.';
        name += safe ? c : '_';
    }
    if (name.empty()) return "scenario";
    if (name[0] == '.') name[0] = '_';  // neither hidden nor ".."
    return name;
}

/// Replies and file names that are quoted may be no UTF-8; JSON must be.
std::string text_of(const nlohmann::ordered_json& json, int indent) {
    return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void write_timeline(std::ostream& out, const RunResult& result) {
    for (const auto& point : result.measurement.timeline) {
        out << text_of(timeline_json(point), -1) << '\n';
    }
}

void write_hlog(std::ostream& out, const RunResult& result) {
    HlogWriter log{out, result.started_at};
    for (const auto& second : result.measurement.step_seconds) {
        log.write_encoded(result.plan->steps[second.step].name, second.since_start, second.length,
                          second.max, second.payload);
    }
}

/// Writes and removes a file of its own: rights, quota and read-only mounts show only so.
Result<void> prove_writable(const fs::path& folder) {
    const auto probe = folder / fmt::format(".loadline-probe-{}", ::getpid());
    OutputFile file{probe};
    std::ostream{&file} << "probe\n";
    const int error = file.close();
    ::unlink(probe.c_str());
    if (error) return not_usable(folder, std::strerror(error));
    return {};
}

}  // namespace

void write_summary(std::ostream& out, const RunResult& result) {
    out << text_of(summary_json(result), 2) << '\n';
}

Result<RunFolder> RunFolder::create(fs::path path) {
    std::error_code ec;
    fs::create_directories(path, ec);
    if (ec) return not_usable(path, ec.message().c_str());
    if (const auto proved = prove_writable(path); !proved) return proved.error();
    return RunFolder{std::move(path)};
}

Result<RunFolder> RunFolder::create_default(const std::string& scenario_name,
                                            std::chrono::system_clock::time_point started_at,
                                            const fs::path& reports) {
    const auto parent = reports / file_name_of(scenario_name);
    std::error_code ec;
    fs::create_directories(parent, ec);
    if (ec) return not_usable(parent, ec.message().c_str());
    const auto time = compact_utc(started_at);
    for (int n = 1;; ++n) {
        auto path = parent / (n == 1 ? time : fmt::format("{}-{}", time, n));
        if (::mkdir(path.c_str(), 0777) == 0) return create(std::move(path));
        if (errno != EEXIST) return not_usable(path, std::strerror(errno));
    }
}

Result<void> RunFolder::write_file(const std::string& name,
                                   const std::function<void(std::ostream&)>& write) const {
    const auto path = path_ / name;
    const auto temporary = path_ / ("." + name + ".part");
    try {
        OutputFile file{temporary};
        std::ostream out{&file};
        write(out);
        int error = file.close();
        if (!error && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
        if (!error) return {};
        ::unlink(temporary.c_str());
        return not_written(path, std::strerror(error));
    } catch (const std::exception& e) {  // no memory left, or a library's own exception
        ::unlink(temporary.c_str());
        return not_written(path, e.what());
    }
}

struct RunFolder::Lines {
    explicit Lines(const fs::path& path) : file{path}, out{&file} {}
    OutputFile file;
    std::ostream out;
};

RunFolder::RunFolder(fs::path path) : path_{std::move(path)} {}
RunFolder::RunFolder(RunFolder&&) noexcept = default;
RunFolder& RunFolder::operator=(RunFolder&&) noexcept = default;
RunFolder::~RunFolder() = default;

void RunFolder::record(const TimelinePoint& point) {
    if (!timeline_) timeline_ = std::make_unique<Lines>(path_ / "timeline.jsonl");
    timeline_->out << text_of(timeline_json(point), -1) << std::endl;  // readers may follow it
}

void RunFolder::record_sockets(const std::string& line) {
    if (!sockets_) sockets_ = std::make_unique<Lines>(path_ / "sockets.jsonl");
    sockets_->out << line << std::endl;
}

Result<void> RunFolder::write_all(const RunResult& result,
                                  const std::string& effective_scenario) const {
    Result<void> first;
    const auto add = [&](const char* name, const std::function<void(std::ostream&)>& write) {
        auto written = write_file(name, write);
        if (!written && first) first = std::move(written);
    };
    add("summary.json", [&](std::ostream& out) { write_summary(out, result); });
    if (!effective_scenario.empty()) {
        add("scenario.effective.json", [&](std::ostream& out) {
            out << effective_scenario;
            if (!effective_scenario.ends_with('\n')) out << '\n';
        });
    }
    const auto end = [&](Lines& lines, const char* name) {
        const int error = lines.file.close();
        if (error == 0) return;
        const auto path = path_ / name;
        if (lines.file.size() == 0) ::unlink(path.c_str());
        if (first) first = not_written(path, std::strerror(error));
    };
    if (timeline_) {
        end(*timeline_, "timeline.jsonl");
    } else {
        add("timeline.jsonl", [&](std::ostream& out) { write_timeline(out, result); });
    }
    if (sockets_) end(*sockets_, "sockets.jsonl");
    add("latency.hgrm",
        [&](std::ostream& out) { write_spectrum(out, pooled_transactions(result).response_time); });
    add("latency.hlog", [&](std::ostream& out) { write_hlog(out, result); });
    if (result.capacity) {
        add("certificate.md", [&](std::ostream& out) { write_markdown_certificate(out, result); });
    }
    add("report.html", [&](std::ostream& out) { write_html(out, result); });
    return first;
}

}  // namespace loadline
