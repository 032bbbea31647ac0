#include "result/words.hpp"

#include "result/trial_result.hpp"

namespace loadline {

const char* to_string(VerdictWord word) {
    switch (word) {
        case VerdictWord::pass:
            return "PASS";
        case VerdictWord::fail:
            return "FAIL";
        case VerdictWord::invalid:
            return "INVALID";
    }
    return "INVALID";
}

const char* to_string(Phase phase) {
    switch (phase) {
        case Phase::warmup:
            return "warmup";
        case Phase::measure:
            return "measure";
        case Phase::drain:
            return "drain";
    }
    return "measure";
}

const char* to_string(ProbeResult::Kind kind) {
    switch (kind) {
        case ProbeResult::Kind::floor:
            return "floor";
        case ProbeResult::Kind::bracket:
            return "bracket";
        case ProbeResult::Kind::warmup:
            return "warmup";
        case ProbeResult::Kind::refine:
            return "refine";
        case ProbeResult::Kind::recheck:
            return "recheck";
        case ProbeResult::Kind::hold:
            return "hold";
    }
    return "bracket";
}

}  // namespace loadline
