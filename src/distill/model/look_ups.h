#pragma once
// What an error analyst may look up while it thinks: checks of the oracle, the right result, files of the
// workspace, differences, and whether a fix makes the oracle pass. Everything is read or executed for real,
// in copies; nothing outside the case is ever shown or touched.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "distill/evidence_base.h"
#include "distill/model/cases.h"
#include "llm/chat.h"
#include "replay/oracle.h"
#include "replay/workspace.h"

namespace clawtrace::distill {

struct LookUpSite {
  replay::WorkplaceOpener open;  // empty: nothing is executed
  std::string scratch;           // existing folder for temporary files
  replay::Limits limits;
  bool walls = true;  // as replay::OracleSite
  // Executes the recorded steps of a session in a workspace and leaves the result in an empty folder; for
  // cases whose end is "trace". Empty: such ends are not known. Thread-safe.
  std::function<Status(const std::string& session_id, const Case& of, const std::string& folder)> rebuild_end;
};

struct Found {
  std::string text;     // untrusted: cleaned and fenced by whoever shows it
  bool failed = false;  // there is no answer; text says why
  std::string fix;      // try_fix: what was written and run, when the oracle passes with it and not without
};

// Of one session. One thread at a time; session, case and site must outlive it.
class LookUps {
 public:
  // known: nullptr = nothing but the session's own replay is known.
  LookUps(const EvidenceSession& session, const Case* known, const LookUpSite& site);
  ~LookUps();
  LookUps(const LookUps&) = delete;
  LookUps& operator=(const LookUps&) = delete;

  // Those that this case can answer.
  std::vector<llm::ToolDeclaration> Declarations() const;
  // args: a JSON object. Total: what is wrong is a Found that failed.
  Found Call(std::string_view name, std::string_view args);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clawtrace::distill
