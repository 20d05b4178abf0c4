#pragma once
// What is known about a session beyond its log: the workspace it began and ended with, who judges it, and the
// right result. One JSON object a line:
//   {"session":"ID","workspace":"SPEC","end":"SPEC","oracle":"CMD|DIR","tests":"PATH","gold":"FILE",
//    "gold_for":"out.csv","at":"/app"}
// All but session may be left out. Used by replay and by the model-backed analysts; docs/models.md.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clawtrace::distill {

struct Case {
  std::string session;    // its id, or the path of its log
  std::string workspace;  // replay::OpenWorkspace: folder, DIR@COMMIT or archive; "" = not known
  std::string end;        // the same, as the session left it; "trace": the steps are executed again
  std::string oracle;     // replay::OracleNamed; "" = none
  std::string tests;
  std::string gold;      // a file with the right result; never seen by a skill
  std::string gold_for;  // the file of the workspace that should have been like it, relative; "" = not said
  std::string at;        // where the session had its workspace, absolute; "" = as recorded
  bool operator==(const Case&) const = default;
};

// Paths are taken relative to the file's folder. Errors: kInvalidInput names the line, the member or the
// session that comes twice; those of reading.
Result<std::vector<Case>> ReadCases(const std::string& path);

// Of a session with this id, read from this log ("" = not known); nullptr: there is none.
const Case* FindCase(const std::vector<Case>& cases, std::string_view session_id, std::string_view log);

}  // namespace clawtrace::distill
