#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/units.hpp"
#include "plan/compile_context.hpp"
#include "plan/csv.hpp"

namespace loadline {
namespace {

constexpr std::uint64_t most_zipf_records = 10'000'000;  // 80 MB of cumulative weights

struct PickWord {
    Pick pick;
    double exponent = 0;
};

std::optional<PickWord> parse_pick(std::string_view text) {
    if (text == "sequential") return PickWord{Pick::sequential};
    if (text == "random") return PickWord{Pick::random};
    if (text == "unique") return PickWord{Pick::unique};
    if (!text.starts_with("zipf(") || !text.ends_with(')')) return std::nullopt;
    text = text.substr(5, text.size() - 6);
    double s = 0;
    const auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), s);
    if (ec != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
    if (!std::isfinite(s) || s <= 0) return std::nullopt;
    return PickWord{Pick::zipf, s};
}

/// Weight of rank k is 1/k^s; the sums let a uniform draw find its rank.
std::vector<double> zipf_cumulative(std::uint64_t size, double exponent) {
    std::vector<double> sums(size);
    double sum = 0;
    for (std::uint64_t k = 0; k < size; ++k) {
        sum += std::pow(static_cast<double>(k + 1), -exponent);
        sums[k] = sum;
    }
    return sums;
}

/// A data file: the text, or why it could not be read and where it was looked for.
struct DataFile {
    std::string text;
    std::string error, hint;
};

bool read_file(const std::filesystem::path& path, DataFile& file) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
        file.error = "it is a folder";
        return false;
    }
    errno = 0;
    std::ifstream stream{path, std::ios::binary};
    file.text.assign(std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{});
    if (stream.is_open() && !stream.bad()) return true;
    file.error = std::strerror(errno == 0 ? EIO : errno);
    return false;
}

DataFile find_data_file(const CompileContext& context, const std::filesystem::path& path) {
    DataFile file;
    if (path.is_absolute()) {
        read_file(path, file);
        return file;
    }
    auto folder = context.scenario.file.parent_path();
    if (folder.empty()) folder = ".";
    const auto& data_dir = context.overrides.data_dir;
    if (!data_dir.empty() && read_file(data_dir / path, file))
        return {std::move(file.text), {}, {}};
    if (read_file(folder / path, file)) return {std::move(file.text), {}, {}};
    file.hint =
        data_dir.empty()
            ? fmt::format("it is looked for in {}; --data-dir names another folder",
                          folder.string())
            : fmt::format("it is looked for in {} and in {}", data_dir.string(), folder.string());
    return file;
}

class FeederCompiler {
public:
    FeederCompiler(CompileContext& context, std::string name, const Node& node)
        : context_{context}, name_{std::move(name)}, node_{node} {
        feeder_.name = name_;
    }

    /// The feeder joins the plan even if it could not be read: its name is known then, and
    /// using it gives no second error.
    void compile() {
        const bool named = check_name();
        pick();
        known_.readable = source() && named;
        if (known_.readable && feeder_.pick == Pick::zipf) weigh();
        known_.index = static_cast<std::uint32_t>(context_.plan.feeders.size());
        context_.plan.feeders.push_back(std::make_shared<const Feeder>(std::move(feeder_)));
        context_.feeders.emplace(name_, std::move(known_));
    }

private:
    bool check_name() {
        if (is_variable_name(name_)) return true;
        context_.problem_about_key(
            node_, fmt::format("a data source cannot be called \"{}\"", name_),
            "a name has letters, digits, \"_\" and \"-\", and is no function");
        return false;
    }

    void pick() {
        const auto at = node_.at("pick");
        if (at.text() == nullptr) return;
        if (const auto word = parse_pick(*at.text())) {
            feeder_.pick = word->pick;
            feeder_.zipf_exponent = word->exponent;
            return;
        }
        context_.problem(
            at, fmt::format("\"{}\" is no way to pick", *at.text()),
            name_hint(*at.text(), {"sequential", "random", "unique", "zipf(1.1)"}, "the ways are"));
    }

    bool source() {
        const auto csv = node_.at("csv"), numbers = node_.at("numbers");
        if (csv && numbers) {
            context_.problem_about_key(numbers, "a data source is either \"csv\" or \"numbers\"",
                                       "make two sources of it");
            return false;
        }
        if (csv) return csv.text() != nullptr && read_csv(csv);
        if (numbers) return read_numbers(numbers);
        if (node_.is_object()) {
            context_.problem_about_key(
                node_, fmt::format("data source \"{}\" has neither \"csv\" nor \"numbers\"", name_),
                "add \"csv\": \"users.csv\" or \"numbers\": [1, 1000]");
        }
        return false;
    }

    bool read_csv(const Node& at) {
        auto file = find_data_file(context_, *at.text());
        if (!file.error.empty()) {
            context_.problem(at, fmt::format("cannot read \"{}\": {}", *at.text(), file.error),
                             file.hint);
            return false;
        }
        auto table = parse_csv(file.text);
        if (!table) {
            context_.problem(at, fmt::format("\"{}\": {}", *at.text(), table.error().message));
            return false;
        }
        for (const auto& column : table->columns) {
            feeder_.variables.push_back(context_.variable(name_ + "." + column));
        }
        known_.columns = std::move(table->columns);
        feeder_.rows = std::move(table->rows);
        return true;
    }

    bool read_numbers(const Node& at) {
        if (!at.is_list()) return false;
        known_.numbers = true;
        const auto bounds = at.elements();
        const auto low = bounds.size() == 2 ? bounds[0].whole() : std::nullopt;
        const auto high = bounds.size() == 2 ? bounds[1].whole() : std::nullopt;
        if (!low || !high || *low > *high) {
            context_.problem(at, "\"numbers\" must be two whole numbers, the smaller one first",
                             "write [1, 1000]");
            return false;
        }
        feeder_.low = *low;
        feeder_.high = *high;
        feeder_.variables = {context_.variable(name_)};
        return true;
    }

    void weigh() {
        const auto size = feeder_.size();
        if (size > most_zipf_records || size == 0) {
            context_.problem(node_.at("pick"),
                             fmt::format("zipf picks from at most {} records", most_zipf_records),
                             "make the range smaller, or pick \"random\"");
            return;
        }
        feeder_.zipf_cumulative = zipf_cumulative(size, feeder_.zipf_exponent);
    }

    CompileContext& context_;
    std::string name_;
    const Node& node_;
    Feeder feeder_;
    KnownFeeder known_;
};

}  // namespace

void compile_data(CompileContext& context, const Node& root) {
    for (const auto& [name, node] : root.at("data").members()) {
        FeederCompiler{context, name, node}.compile();
    }
}

}  // namespace loadline
