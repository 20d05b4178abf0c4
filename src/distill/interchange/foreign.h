#pragma once
// What the readers of foreign formats share. Internal to the folder.
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "distill/interchange/interchange.h"

namespace clawtrace::distill {

// One element of a document and where what is read of it goes.
struct Foreign {
  Json element;
  std::string place;
  const SkillDir* skill = nullptr;
  ImportedPatches* out = nullptr;

  void Refuse(std::string reason, std::string detail = {}) const;
  void Note(std::string reason, std::string detail = {}) const;
};

inline constexpr std::string_view kCostCraft = "costcraft";
inline constexpr std::string_view kTrace2Skill = "trace2skill";

// Every member that is not mapped, as a remark; prefix goes before its name.
void KeepRest(const Json& object, std::initializer_list<std::string_view> mapped, const PatchRemark& of,
              std::vector<PatchRemark>* remarks);

// "prune-0123456789ab" of a kind and what the patch says.
std::string ImportedId(PatchKind kind, std::string_view content);

// The text of a remark; "" when there is none. task: "" = of any.
std::string RemarkOf(const Patch& patch, std::string_view task, std::string_view name);

// In order, each once: a document may say a member twice.
void SortRemarks(Patch* patch);

// The patch as a rule of its own, its id made; refused where no skill could carry it.
void TakeRule(Patch patch, const Foreign& from);

void ReadCostCraft(const Foreign& from);
void ReadRecord(const Foreign& from);
void ReadPatterns(const Foreign& from);
void ReadEdits(const Foreign& from);

}  // namespace clawtrace::distill
