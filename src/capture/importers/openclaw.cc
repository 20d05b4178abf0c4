// pi-coding-agent and OpenClaw sessions: JSONL logs, versions 1-4, and OpenClaw's database.
#include "capture/importers/openclaw_reader.h"
#include "capture/importers/openclaw_store.h"

namespace clawtrace::capture {
namespace {

using namespace openclaw;

std::unique_ptr<LogReader> Open(const FileContext& file, FactSink* sink) {
  return std::make_unique<openclaw::OpenClawReader>(file, sink);
}

}  // namespace

extern const Importer kOpenClaw;
const Importer kOpenClaw = {
    .name = "openclaw",
    .summary =
        "pi-coding-agent and OpenClaw session logs (JSONL versions 1-4) and OpenClaw's session database",
    .default_root = ".openclaw/agents,.pi/agent/sessions,.clawdbot/agents,.moltbot/agents",
    .file_suffixes = ".jsonl,.sqlite",
    .sniff = Sniff,
    .open = Open,
    .sidecar_path = SidecarPath,
    .unit_key = UnitKey,
    .is_database = IsStore,
    .read_database = ReadStore,
};

}  // namespace clawtrace::capture
