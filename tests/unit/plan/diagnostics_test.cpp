#include <gtest/gtest.h>

#include <cstdlib>

#include "plan_support.hpp"
#include "scenario/locate.hpp"

namespace loadline {
namespace {

/// The pointers of all values of a text.
std::vector<std::string> locate_pointers(const std::string& text) {
    std::vector<std::string> pointers;
    for (const auto& value : locate_values(text)) pointers.push_back(value.pointer);
    return pointers;
}

/// Whole diagnostics, to the letter: the scenario, then what is printed about it.
TEST(CompileDiagnostics, SayWhereWhatAndHowToMend) {
    ::unsetenv("LOADLINE_TEST_NONE");
    const struct {
        const char* name;
        const char* scenario;
        const char* want;
    } rows[] = {
        {"a variable that nothing sets, in the words of the manual", R"({
  "loadline": 1,
  "targets": {"service": "http://127.0.0.1:8080"},
  "journeys": {
    "bet": {"steps": [
      {"name": "login", "http": "POST service/login"},
      {
        // the token never comes
        "name": "place_bet",
        "http": "POST service/missions/1/bet",
        "json": {"amount": 5},
        "expect": {"status": 201},

      "headers": {"Authorization": "Bearer ${token}"}
      }
    ]},
    "look": {"steps": [{"name": "enter", "http": "POST service/login", "capture": {"token": "/accessToken"}}]}
  }
})",
         R"(s.json:14:44: error: step "place_bet" uses ${token}, but nothing sets it
   14 |       "headers": {"Authorization": "Bearer ${token}"}
      |                                            ^~~~~~~~
   hint: add "capture": {"token": "/accessToken"} to an earlier step, such as "login"
1 error; nothing was sent
)"},
        {"the first step cannot capture earlier",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/${id}"}
]}}})",
         R"(s.json:3:32: error: step "a" uses ${id}, but nothing sets it
    3 | {"name": "a", "http": "GET web/${id}"}
      |                                ^~~~~
   hint: put a step before it: {"set": {"id": "..."}}
1 error; nothing was sent
)"},
        {"nearly a variable",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"set": {"token": "x"}}, {"name": "a", "http": "GET web/${tokne}"}
]}}})",
         R"(s.json:3:57: error: step "a" uses ${tokne}, but nothing sets it
    3 | {"set": {"token": "x"}}, {"name": "a", "http": "GET web/${tokne}"}
      |                                                         ^~~~~~~~
   hint: did you mean ${token}?
1 error; nothing was sent
)"},
        {"a variable of another journey",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/", "capture": {"id": "/id"}}]},
"k": {"steps": [
{"name": "b", "http": "GET web/${id}"}]}}})",
         R"(s.json:5:32: error: step "b" uses ${id}, but nothing sets it
    5 | {"name": "b", "http": "GET web/${id}"}]}}}
      |                                ^~~~~
   hint: put a step before it: {"set": {"id": "..."}}
1 error; nothing was sent
)"},
        {"several in one body",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "POST web/", "json": {"x": ["${p}", {"y": "${q} ${p}"}]}}
]}}})",
         R"(s.json:3:52: error: step "a" uses ${p}, but nothing sets it
    3 | {"name": "a", "http": "POST web/", "json": {"x": ["${p}", {"y": "${q} ${p}"}]}}
      |                                                    ^~~~
   hint: put a step before it: {"set": {"p": "..."}}
s.json:3:66: error: step "a" uses ${q}, but nothing sets it
    3 | {"name": "a", "http": "POST web/", "json": {"x": ["${p}", {"y": "${q} ${p}"}]}}
      |                                                                  ^~~~
   hint: put a step before it: {"set": {"q": "..."}}
s.json:3:71: error: step "a" uses ${p}, but nothing sets it
    3 | {"name": "a", "http": "POST web/", "json": {"x": ["${p}", {"y": "${q} ${p}"}]}}
      |                                                                       ^~~~
   hint: put a step before it: {"set": {"p": "..."}}
3 errors; nothing was sent
)"},
        {"version", R"({"loadline": 2, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:1:14: error: format 2 is not served by this version of loadline
    1 | {"loadline": 2, "targets": {"web": "http://h", "cache": "redis://h"},
      |              ^
   hint: write "loadline": 1
1 error; nothing was sent
)"},
        {"scheme of a target", R"({"loadline": 1, "targets": {"web": "gopher://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:1:36: error: "gopher://h" is not a target URL: "gopher" is not http, https, redis or rediss
    1 | {"loadline": 1, "targets": {"web": "gopher://h"},
      |                                    ^~~~~~~~~~~~
1 error; nothing was sent
)"},
        {"unix target", R"({"loadline": 1, "targets": {"web": "unix:run/s"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:1:36: error: "unix:run/s" is not a target URL: behind unix: stands the absolute path of a socket
    1 | {"loadline": 1, "targets": {"web": "unix:run/s"},
      |                                    ^~~~~~~~~~~~
1 error; nothing was sent
)"},
        {"target that is no URL", R"({"loadline": 1, "targets": {"web": "127.0.0.1:80"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:1:36: error: "127.0.0.1:80" is not a target URL: it must start with http://, https://, redis://, rediss:// or unix:/
    1 | {"loadline": 1, "targets": {"web": "127.0.0.1:80"},
      |                                    ^~~~~~~~~~~~~~
1 error; nothing was sent
)"},
        {"port of a target", R"({"loadline": 1, "targets": {"web": "http://h:99999"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:1:36: error: "http://h:99999" is not a target URL: port "99999" is not between 1 and 65535
    1 | {"loadline": 1, "targets": {"web": "http://h:99999"},
      |                                    ^~~~~~~~~~~~~~~~
1 error; nothing was sent
)"},
        {"database of a target",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h/users"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:1:57: error: "users" is not the number of a Redis database
    1 | {"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h/users"},
      |                                                         ^~~~~~~~~~~~~~~~~
1 error; nothing was sent
)"},
        {"environment of a target",
         R"({"loadline": 1, "targets": {"web": "http://${env.LOADLINE_TEST_NONE}"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:1:44: error: target "web" uses ${env.LOADLINE_TEST_NONE}, but the environment has no LOADLINE_TEST_NONE
    1 | {"loadline": 1, "targets": {"web": "http://${env.LOADLINE_TEST_NONE}"},
      |                                            ^~~~~~~~~~~~~~~~~~~~~~~~~
   hint: set it first: export LOADLINE_TEST_NONE=...
1 error; nothing was sent
)"},
        {"unknown target", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET wbe/x"}
]}}})",
         R"(s.json:3:28: error: there is no target "wbe"
    3 | {"name": "a", "http": "GET wbe/x"}
      |                            ^~~
   hint: did you mean "web"?
1 error; nothing was sent
)"},
        {"address instead of a target",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET http://h/x"}
]}}})",
         R"(s.json:3:28: error: step "a" names an address instead of a target
    3 | {"name": "a", "http": "GET http://h/x"}
      |                            ^~~~~~~~~~
   hint: name the address under "targets", and write "GET service/path"
1 error; nothing was sent
)"},
        {"HTTP to Redis", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET cache/x"}
]}}})",
         R"(s.json:3:28: error: target "cache" is redis://, but this step speaks HTTP
    3 | {"name": "a", "http": "GET cache/x"}
      |                            ^~~~~
   hint: write "redis" and "on" for a Redis target
1 error; nothing was sent
)"},
        {"request without a target",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET"}
]}}})",
         R"(s.json:3:23: error: "GET" is not like "GET service/path"
    3 | {"name": "a", "http": "GET"}
      |                       ^~~~~
   hint: write the method, a blank, the target and the path
1 error; nothing was sent
)"},
        {"method", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "get web/x"}
]}}})",
         R"(s.json:3:24: error: "get" is not a method; did you mean GET?
    3 | {"name": "a", "http": "get web/x"}
      |                        ^~~
1 error; nothing was sent
)"},
        {"header of ours", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/x", "headers": {"Content-Length": "1"}}
]}}})",
         R"(s.json:3:48: error: loadline sets Content-Length itself
    3 | {"name": "a", "http": "GET web/x", "headers": {"Content-Length": "1"}}
      |                                                ^~~~~~~~~~~~~~~~
1 error; nothing was sent
)"},
        {"step name twice", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "bet", "http": "GET web/"}]},
"k": {"steps": [
{"name": "bet", "http": "GET web/"}]}}})",
         R"(s.json:5:10: error: step name "bet" is taken by a step of journey "j"
    5 | {"name": "bet", "http": "GET web/"}]}}}
      |          ^~~~~
   hint: reports are kept by step name: choose another one
1 error; nothing was sent
)"},
        {"step name with a blank",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "sign in", "http": "GET web/"}
]}}})",
         R"(s.json:3:10: error: a step cannot be called "sign in"
    3 | {"name": "sign in", "http": "GET web/"}
      |          ^~~~~~~~~
   hint: reports are kept by this name: no blanks, commas, quotes or brackets
1 error; nothing was sent
)"},
        {"status", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/", "expect": {"status": [200, "ok"]}}
]}}})",
         R"(s.json:3:62: error: "ok" is not an HTTP status
    3 | {"name": "a", "http": "GET web/", "expect": {"status": [200, "ok"]}}
      |                                                              ^~~~
   hint: write 200, "2xx" or [200, 201]
1 error; nothing was sent
)"},
        {"template in a check",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/", "expect": {"bodyContains": "id ${id}"}}
]}}})",
         R"(s.json:3:66: error: templates in "expect" are not served by this version of loadline
    3 | {"name": "a", "http": "GET web/", "expect": {"bodyContains": "id ${id}"}}
      |                                                                  ^~~~~
   hint: compare with a fixed text; a literal "${" is written "$${"
1 error; nothing was sent
)"},
        {"pointer of a check",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/", "expect": {"json": {"state": "open"}}}
]}}})",
         R"(s.json:3:55: error: "state" is not a JSON pointer
    3 | {"name": "a", "http": "GET web/", "expect": {"json": {"state": "open"}}}
      |                                                       ^~~~~~~
   hint: did you mean "/state"?
1 error; nothing was sent
)"},
        {"place of a capture",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/", "capture": {"id": "$.user.id"}}
]}}})",
         R"(s.json:3:53: error: "$.user.id" is no place to capture from
    3 | {"name": "a", "http": "GET web/", "capture": {"id": "$.user.id"}}
      |                                                     ^~~~~~~~~~~
   hint: did you mean "/user/id"? (a JSON pointer, or "header:Name")
1 error; nothing was sent
)"},
        {"cookie capture", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/", "capture": {"id": "cookie:sid"}}
]}}})",
         R"(s.json:3:53: error: capturing from "cookie:" is not served by this version of loadline
    3 | {"name": "a", "http": "GET web/", "capture": {"id": "cookie:sid"}}
      |                                                     ^~~~~~~~~~~~
   hint: capture from the JSON body ("/id") or from "header:Name"
1 error; nothing was sent
)"},
        {"name of a variable",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"set": {"uuid": "1"}}, {"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:3:10: error: a variable cannot be called "uuid"
    3 | {"set": {"uuid": "1"}}, {"name": "a", "http": "GET web/"}
      |          ^~~~~~
   hint: a name has letters, digits, "_" and "-", and is no function
1 error; nothing was sent
)"},
        {"variable named as a source",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"data": {"hot": {"numbers": [1, 2]}},
"journeys": {"j": {"steps": [
{"set": {"hot": "1"}}, {"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:4:10: error: "hot" is a data source already
    4 | {"set": {"hot": "1"}}, {"name": "a", "http": "GET web/"}
      |          ^~~~~
   hint: choose another name
1 error; nothing was sent
)"},
        {"time-out", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/", "timeout": "10"}
]}}})",
         R"(s.json:3:46: error: duration "10" is not like 250ms, 10s or 1m30s
    3 | {"name": "a", "http": "GET web/", "timeout": "10"}
      |                                              ^~~~
1 error; nothing was sent
)"},
        {"think time", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"think": "1..2s"}, {"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:3:11: error: think time "1..2s" is not like 1s or 100ms..300ms
    3 | {"think": "1..2s"}, {"name": "a", "http": "GET web/"}
      |           ^~~~~~~
1 error; nothing was sent
)"},
        {"Redis transaction",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "redis": ["multi"], "on": "cache"}
]}}})",
         R"(s.json:3:25: error: command MULTI is not served by this version of loadline
    3 | {"name": "a", "redis": ["multi"], "on": "cache"}
      |                         ^~~~~~~
   hint: all users share the connections: a step is one command with one reply
1 error; nothing was sent
)"},
        {"Redis AUTH", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "redis": ["AUTH", "x"], "on": "cache"}
]}}})",
         R"(s.json:3:25: error: AUTH belongs to the connection, not to a step
    3 | {"name": "a", "redis": ["AUTH", "x"], "on": "cache"}
      |                         ^~~~~~
   hint: write the target as redis://:password@host:port/database
1 error; nothing was sent
)"},
        {"Redis fraction", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "redis": ["GET", "x"], "on": "cache", "expect": {"equals": 1.5}}
]}}})",
         R"(s.json:3:74: error: Redis answers whole numbers
    3 | {"name": "a", "redis": ["GET", "x"], "on": "cache", "expect": {"equals": 1.5}}
      |                                                                          ^~~
   hint: write a text: "1.5"
1 error; nothing was sent
)"},
        {"journey that sends nothing",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"think": "1s"}
]}}})",
         R"(s.json:2:14: error: journey "j" sends nothing
    2 | "journeys": {"j": {"steps": [
      |              ^~~
   hint: add a step with "http" or "redis"
1 error; nothing was sent
)"},
        {"share", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"share": 0, "steps": [
{"name": "a", "http": "GET web/"}]}}})",
         R"(s.json:2:29: error: a share must be above zero
    2 | "journeys": {"j": {"share": 0, "steps": [
      |                             ^
1 error; nothing was sent
)"},
        {"unknown sessions",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"sessions": {"viewer": {"count": 1, "start": [{"name": "in", "http": "GET web/"}]}},
"journeys": {"j": {"as": "viewr", "steps": [
{"name": "a", "http": "GET web/"}]}}})",
         R"(s.json:3:26: error: there is no session pool "viewr"
    3 | "journeys": {"j": {"as": "viewr", "steps": [
      |                          ^~~~~~~
   hint: did you mean "viewer"?
1 error; nothing was sent
)"},
        {"transaction before the load",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"setup": [{"name": "in", "http": "GET web/", "transaction": true}],
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:46: error: a step of "setup" is never a transaction
    2 | "setup": [{"name": "in", "http": "GET web/", "transaction": true}],
      |                                              ^~~~~~~~~~~~~
   hint: leave it out: only journeys are measured
1 error; nothing was sent
)"},
        {"nothing to measure",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/", "transaction": false}
]}}})",
         R"(s.json:2:13: error: no step is a transaction, so there is nothing to measure
    2 | "journeys": {"j": {"steps": [
      |             ^
   hint: set "transaction": true on the step that counts
1 error; nothing was sent
)"},
        {"data file", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"data": {"users": {"csv": "none.csv"}},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/${users.name}"}
]}}})",
         R"(s.json:2:27: error: cannot read "none.csv": No such file or directory
    2 | "data": {"users": {"csv": "none.csv"}},
      |                           ^~~~~~~~~~
   hint: it is looked for in .; --data-dir names another folder
1 error; nothing was sent
)"},
        {"data without a source",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"data": {"users": {"pick": "unique"}},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:10: error: data source "users" has neither "csv" nor "numbers"
    2 | "data": {"users": {"pick": "unique"}},
      |          ^~~~~~~
   hint: add "csv": "users.csv" or "numbers": [1, 1000]
1 error; nothing was sent
)"},
        {"numbers", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"data": {"hot": {"numbers": [9, 1]}},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:29: error: "numbers" must be two whole numbers, the smaller one first
    2 | "data": {"hot": {"numbers": [9, 1]}},
      |                             ^
   hint: write [1, 1000]
1 error; nothing was sent
)"},
        {"pick", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"data": {"hot": {"numbers": [1, 9], "pick": "uniqe"}},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:45: error: "uniqe" is no way to pick
    2 | "data": {"hot": {"numbers": [1, 9], "pick": "uniqe"}},
      |                                             ^~~~~~~
   hint: did you mean "unique"?
1 error; nothing was sent
)"},
        {"zipf over too many",
         R"json({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"data": {"hot": {"numbers": [1, 999999999], "pick": "zipf(1)"}},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})json",
         R"json(s.json:2:53: error: zipf picks from at most 10000000 records
    2 | "data": {"hot": {"numbers": [1, 999999999], "pick": "zipf(1)"}},
      |                                                     ^~~~~~~~~
   hint: make the range smaller, or pick "random"
1 error; nothing was sent
)json"},
        {"column of numbers",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"data": {"hot": {"numbers": [1, 9]}},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/${hot.id}"}
]}}})",
         R"(s.json:4:32: error: step "a" uses ${hot.id}, but "hot" is a range of numbers
    4 | {"name": "a", "http": "GET web/${hot.id}"}
      |                                ^~~~~~~~~
   hint: write ${hot}
1 error; nothing was sent
)"},
        {"unknown source", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"data": {"viewers": {"numbers": [1, 9]}},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/${viewrs.name}"}
]}}})",
         R"(s.json:4:32: error: step "a" uses ${viewrs.name}, but there is no data source "viewrs"
    4 | {"name": "a", "http": "GET web/${viewrs.name}"}
      |                                ^~~~~~~~~~~~~~
   hint: did you mean "viewers"?
1 error; nothing was sent
)"},
        {"rate", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"load": {"rate": "fast"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:18: error: rate "fast" is not like 500, 500/s or 30/m
    2 | "load": {"rate": "fast"},
      |                  ^~~~~~
1 error; nothing was sent
)"},
        {"rate of zero", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"load": {"rate": 0},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:18: error: the rate must be above zero
    2 | "load": {"rate": 0},
      |                  ^
1 error; nothing was sent
)"},
        {"rate and users", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"load": {"rate": 5, "users": 5},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:21: error: "rate" and "users" are two kinds of load
    2 | "load": {"rate": 5, "users": 5},
      |                     ^~~~~~~
   hint: keep "rate" (arrivals) or "users" (a closed loop)
1 error; nothing was sent
)"},
        {"arrivals", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"load": {"rate": 5, "arrivals": "poison"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:33: error: arrivals "poison" are not known
    2 | "load": {"rate": 5, "arrivals": "poison"},
      |                                 ^~~~~~~~
   hint: did you mean "poisson"?
1 error; nothing was sent
)"},
        {"duration", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"load": {"duration": "30"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:22: error: duration "30" is not like 250ms, 10s or 1m30s
    2 | "load": {"duration": "30"},
      |                      ^~~~
1 error; nothing was sent
)"},
        {"connections", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"connections": "per-requests",
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:16: error: connections "per-requests" are not known
    2 | "connections": "per-requests",
      |                ^~~~~~~~~~~~~~
   hint: did you mean "per-request"?
1 error; nothing was sent
)"},
        {"port", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"watch": {"port": 0},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:19: error: port 0 is not between 1 and 65535
    2 | "watch": {"port": 0},
      |                   ^
1 error; nothing was sent
)"},
        {"promise", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"slo": ["p99 < 100"],
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:9: error: slo "p99 < 100": duration "100" is not like 250ms, 10s or 1m30s
    2 | "slo": ["p99 < 100"],
      |         ^~~~~~~~~~~
   hint: write p99 < 100ms, p99.9(step) <= 1s, p95(journey:name) < 2s or errors < 0.1%
1 error; nothing was sent
)"},
        {"promise about an unknown step",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"slo": ["p99(b) < 1s", "p99(journey:a) < 1s"],
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:14: error: there is no step "b"
    2 | "slo": ["p99(b) < 1s", "p99(journey:a) < 1s"],
      |              ^
   hint: the steps are a
s.json:2:37: error: there is no journey "a"
    2 | "slo": ["p99(b) < 1s", "p99(journey:a) < 1s"],
      |                                     ^
   hint: the journeys are j
2 errors; nothing was sent
)"},
        {"promise over windows of no length",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"slo": ["p99 < 1s over 10s"],
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:9: error: slo "p99 < 1s over 10s": "over" goes on like "over every 10s"
    2 | "slo": ["p99 < 1s over 10s"],
      |         ^~~~~~~~~~~~~~~~~~~
   hint: write p99 < 100ms, p99.9(step) <= 1s, p95(journey:name) < 2s or errors < 0.1%
1 error; nothing was sent
)"},
        {"no promise", R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"slo": [],
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET web/"}
]}}})",
         R"(s.json:2:8: error: "slo" promises nothing
    2 | "slo": [],
      |        ^
   hint: leave it out for "p99 <= 100ms" and "errors <= 0.1%"
1 error; nothing was sent
)"},
        {"structure and meaning together",
         R"({"loadline": 1, "targets": {"web": "http://h", "cache": "redis://h"},
"load": {"durtion": "1s"},
"journeys": {"j": {"steps": [
{"name": "a", "http": "GET wbe/${x}", "retry": 3}
]}}})",
         R"(s.json:2:10: error: "load" has no key "durtion"
    2 | "load": {"durtion": "1s"},
      |          ^~~~~~~~~
   hint: did you mean "duration"?
s.json:4:28: error: there is no target "wbe"
    4 | {"name": "a", "http": "GET wbe/${x}", "retry": 3}
      |                            ^~~
   hint: did you mean "web"?
s.json:4:32: error: step "a" uses ${x}, but nothing sets it
    4 | {"name": "a", "http": "GET wbe/${x}", "retry": 3}
      |                                ^~~~
   hint: put a step before it: {"set": {"x": "..."}}
s.json:4:39: error: key "retry" is not served by this version of loadline
    4 | {"name": "a", "http": "GET wbe/${x}", "retry": 3}
      |                                       ^~~~~~~
   hint: leave it out; nothing would be done with it
4 errors; nothing was sent
)"},
    };
    for (const auto& [name, scenario, want] : rows) {
        SCOPED_TRACE(name);
        EXPECT_EQ(diagnose(scenario), want);
    }
}

class DataDiagnostics : public testing::Test {
protected:
    static std::string about(const std::string& csv, const std::string& use,
                             const std::string& more = "") {
        const TemporaryFolder folder;
        folder.write("users.csv", csv);
        Overrides flags;
        flags.data_dir = folder.path;
        return diagnose(
            "{\"loadline\": 1, \"targets\": {\"web\": \"http://h\"},\n"
            "\"data\": {\"users\": {\"csv\": \"users.csv\", \"pick\": \"unique\"}},\n" +
                more +
                "\"journeys\": {\"j\": {\"steps\": [\n"
                "{\"name\": \"a\", \"http\": \"GET web/" +
                use + "\"}]}}}",
            flags);
    }
};

TEST_F(DataDiagnostics, NameTheLineOfTheFile) {
    EXPECT_EQ(about("name,password\nu1\n", "${users.name}"),
              R"(s.json:2:27: error: "users.csv": line 2 has 1 fields, but the header has 2
    2 | "data": {"users": {"csv": "users.csv", "pick": "unique"}},
      |                           ^~~~~~~~~~~
1 error; nothing was sent
)");
}

TEST_F(DataDiagnostics, NameTheColumnThatWasMeant) {
    EXPECT_EQ(about(users_csv(1), "${users.nmae}"),
              R"(s.json:4:32: error: step "a" uses ${users.nmae}, but "users" has no column "nmae"
    4 | {"name": "a", "http": "GET web/${users.nmae}"}]}}}
      |                                ^~~~~~~~~~~~~
   hint: did you mean "name"?
1 error; nothing was sent
)");
    EXPECT_EQ(about(users_csv(1), "${users.id}"),
              R"(s.json:4:32: error: step "a" uses ${users.id}, but "users" has no column "id"
    4 | {"name": "a", "http": "GET web/${users.id}"}]}}}
      |                                ^~~~~~~~~~~
   hint: its columns are name, password
1 error; nothing was sent
)");
}

TEST_F(DataDiagnostics, ATableIsNoValue) {
    EXPECT_EQ(about(users_csv(1), "${users}"),
              R"(s.json:4:32: error: step "a" uses ${users}, but "users" is a table
    4 | {"name": "a", "http": "GET web/${users}"}]}}}
      |                                ^~~~~~~~
   hint: name a column: ${users.name}
1 error; nothing was sent
)");
}

TEST_F(DataDiagnostics, EverySessionNeedsARecord) {
    EXPECT_EQ(about(users_csv(2), "",
                    "\"sessions\": {\"s\": {\"count\": 3, \"data\": \"users\", \"start\": []}},\n"),
              R"(s.json:3:29: error: 3 sessions need a record each, but "users" has 2
    3 | "sessions": {"s": {"count": 3, "data": "users", "start": []}},
      |                             ^
   hint: lower "count" or add records
1 error; nothing was sent
)");
}

constexpr const char* small_scenario =
    R"json({"loadline": 1, "name": "n", "targets": {"web": "http://h", "cache": "redis://:pw@h/1"},
"slo": ["p99(a) < 1s"], "load": {"rate": "5/s", "arrivals": "paced", "duration": "1s"}, "connections": "pool",
"data": {"hot": {"numbers": [1, 9], "pick": "zipf(1)"}},
"sessions": {"s": {"count": 2, "data": "hot", "start": [{"name": "in", "http": "POST web/", "form": {"a": "b"}, "capture": {"t": "/t"}}]}},
"setup": [{"set": {"k": 1}}],
"journeys": {"j": {"share": 2, "as": "s", "steps": [{"think": "1s"},
 {"name": "a", "http": "POST web/${hot}?${k}", "headers": {"X": "${t}"}, "json": {"l": [1, "${uuid}"]}, "timeout": "1s", "transaction": true,
  "expect": {"status": [200], "bodyContains": "x", "headers": {"A": "b"}, "json": {"/a": 1}}},
 {"name": "r", "redis": ["GET", "${k}"], "on": "cache", "expect": {"equals": 1}, "capture": {"v": ""}}]}},
"watch": {"port": 80, "close_wait": true, "probes": {"liveness": "web/", "readiness": {"tcpSocket": "cache", "periodSeconds": 5}}}})json";

TEST(CompileDiagnostics, FlagsNameTheFlag) {
    Overrides flags;
    flags.targets = {{"wbe", "http://h"}, {"web", "redis://h"}, {"cache", "http//h"}};
    flags.slos = {"p99 << 1s", "p99(b) < 1s"};
    flags.rate = Rate::per_second(0);
    EXPECT_EQ(diagnose(small_scenario, flags),
              R"(error: --target wbe=: the scenario has no target "wbe"
   hint: did you mean "web"?
error: --target web=: the scenario's steps speak http:// to it
error: --target cache=: "http//h" is not a target URL: it must start with http://, https://, redis://, rediss:// or unix:/
error: --rate: the rate must be above zero
error: --slo 'p99 << 1s': slo "p99 << 1s": duration "< 1s" is not like 250ms, 10s or 1m30s
   hint: write p99 < 100ms, p99.9(step) <= 1s, p95(journey:name) < 2s or errors < 0.1%
error: --slo 'p99(b) < 1s': there is no step "b"
   hint: the steps are a, r
6 errors; nothing was sent
)");
}

TEST(CompileDiagnostics, NeverPrintASecretOfTheEnvironment) {
    ::setenv("LOADLINE_TEST_HOST", "very-secret:99999", 1);
    const auto printed = diagnose(
        R"({"loadline": 1, "targets": {"web": "http://${env.LOADLINE_TEST_HOST}"}, "journeys": {}})");
    EXPECT_EQ(printed.find("very-secret"), std::string::npos) << printed;
    EXPECT_NE(printed.find("***"), std::string::npos) << printed;
}

/// Any value replaced by any other kind of value: an error perhaps, never a crash, and
/// never a plan without what a plan must have.
TEST(CompileDiagnostics, EveryValueMayBeOfAnyKind) {
    const auto valid = nlohmann::ordered_json::parse(small_scenario);
    ASSERT_EQ(diagnose(small_scenario), "valid");
    const auto values = locate_pointers(small_scenario);
    ASSERT_GT(values.size(), 60u);
    for (const auto& pointer : values) {
        for (const char* other :
             {"null", "true", "-1", "1.5", "\"\"", "\"${\"", "[]", "[null]", "{}", "{\"\": 0}"}) {
            auto changed = valid;
            changed[nlohmann::ordered_json::json_pointer{pointer}] =
                nlohmann::ordered_json::parse(other);
            const auto compiled = compile_text(changed.dump(), "s.json");
            const auto* plan = std::get_if<CompiledScenario>(&compiled);
            if (plan == nullptr) continue;
            SCOPED_TRACE(pointer + " = " + other);
            EXPECT_FALSE(plan->plan->targets.empty());
            EXPECT_FALSE(plan->plan->journeys.empty());
            EXPECT_FALSE(plan->plan->slos.empty());
        }
    }
}

TEST(CompileDiagnostics, EveryCutAndEveryDamagedByteIsSurvived) {
    const std::string text = small_scenario;
    for (std::size_t at = 0; at < text.size(); ++at) {
        diagnose(text.substr(0, at));
        for (const char c : {'"', '{', ',', '\\', '\x80'}) {
            auto damaged = text;
            damaged[at] = c;
            diagnose(damaged);
        }
    }
}

}  // namespace
}  // namespace loadline
