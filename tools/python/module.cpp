// The Python module dagfusion._dagfusion: what dagfusion/__init__.py is made of.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <opencv2/core/utility.hpp>

#include "tools/library/kept_images.h"
#include "tools/library/watched_run.h"
#include "tools/look/looked_data.h"
#include "tools/python/function_node.h"
#include "tools/report/csv_table.h"
#include "tools/show/faults.h"

namespace py = pybind11;

namespace dagfusion {

namespace {

py::dict dict_of(const Progress& p) {
  py::dict d;
  d["steps"] = p.steps;
  d["all_steps"] = p.all_steps;
  d["images"] = p.images;
  d["all_images"] = p.all_images;
  d["loss"] = p.has_loss ? py::object(py::float_(p.loss)) : py::none();
  return d;
}

const char* name_of(Report::Outcome outcome) {
  switch (outcome) {
    case Report::Outcome::done:
      return "done";
    case Report::Outcome::stopped:
      return "stopped";
    case Report::Outcome::aborted:
      return "aborted";
  }
  return "";
}

py::dict dict_of(const RunResult& result) {
  const Report& report = result.report;
  py::dict d = dict_of(report.progress);
  d["outcome"] = name_of(report.outcome);
  d["seconds"] = report.seconds;
  d["directory"] = result.directory;
  d["notes"] = result.notes;
  d["told"] = report.told;
  d["dropped"] = report.dropped;
  py::list tasks;
  for (const TaskTime& t : report.tasks)
    tasks.append(py::dict(py::arg("name") = t.name, py::arg("type") = t.type, py::arg("calls") = t.calls,
                          py::arg("seconds") = t.seconds));
  d["tasks"] = tasks;
  return d;
}

// Ctrl-C and a callback, between two looks at the run. The first Ctrl-C finishes the step and saves, the second one stops
// at once, as with the program.
class Looker {
 public:
  explicit Looker(py::object progress) : progress_(std::move(progress)) {}

  Wish look(const Progress* now) {
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) interrupted_.push_back(std::make_unique<py::error_already_set>());
    if (now && !progress_.is_none() && is_new(*now)) tell(*now);
    return interrupted_.empty() ? Wish::go_on : interrupted_.size() == 1 ? Wish::stop : Wish::stop_at_once;
  }
  void throw_if_interrupted() const {
    if (!interrupted_.empty()) throw py::error_already_set(*interrupted_.front());
  }

 private:
  // Ctrl-C can reach the callback too; anything else that it raises goes on.
  void tell(const Progress& now) {
    try {
      progress_(dict_of(now));
    } catch (py::error_already_set& e) {
      if (!e.matches(PyExc_KeyboardInterrupt)) throw;
      interrupted_.push_back(std::make_unique<py::error_already_set>(e));
    }
  }
  bool is_new(const Progress& now) {
    const bool is = now.steps != steps_ || now.images != images_;
    steps_ = now.steps;
    images_ = now.images;
    return is;
  }

  py::object progress_;
  std::vector<std::unique_ptr<py::error_already_set>> interrupted_;
  std::int64_t steps_ = -1, images_ = -1;
};

RunResult run_looking(const Invocation& request, const py::object& progress) {
  Looker looker(progress);
  RunResult result;
  {
    const py::gil_scoped_release others_go_on;
    result = run_watched(request, [&](const Progress* now) { return looker.look(now); });
  }
  looker.throw_if_interrupted();
  return result;
}

py::dict run_from_python(const Pipeline& pipeline, const py::object& progress) {
  Invocation request = invocation_of(pipeline);
  std::vector<std::string> slow;
  request.adapt = [&](Checked& checked) { slow = notes_on_function_nodes(checked); };
  RunResult result = run_looking(request, progress);
  result.notes.insert(result.notes.end(), slow.begin(), slow.end());
  return dict_of(result);
}

// [N,C,H,W]; what is drawn is written as the pipeline says as well.
py::array images_as_array(const Pipeline& pipeline, const std::string& node, const py::object& progress) {
  KeptImages kept(node);
  Invocation request = invocation_of(pipeline);
  request.observer = &kept;
  request.adapt = [&](Checked& checked) { kept.refuse_unless_drawn(checked); };
  run_looking(request, progress);
  const Shape shape = kept.shape();
  py::array_t<std::uint8_t> array(shape);
  const std::vector<std::uint8_t> bytes = kept.bytes();
  std::copy(bytes.begin(), bytes.end(), array.mutable_data());
  return array;
}

py::dict columns(const std::string& file) {
  const CsvTable table = read_csv(file);
  py::dict d;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    d[py::str(table.columns[c])] =
        py::array_t<double>(static_cast<py::ssize_t>(table.values[c].size()), table.values[c].data());
  return d;
}

py::array picture(const LookedData& data, std::int64_t number) {
  if (number < 0 || number >= data.count) throw py::index_error();
  Image image;
  {
    const py::gil_scoped_release others_go_on;
    image = data.read(number);
  }
  py::array_t<std::uint8_t> array(std::vector<py::ssize_t>{image.height, image.width, image.channels});
  std::copy(image.pixels.begin(), image.pixels.end(), array.mutable_data());
  return array;
}

void describe_faults(py::module_& m) {
  static py::exception<UserError> user_error(m, "UserError", PyExc_ValueError);
  static py::exception<RunError> run_error(m, "RunError", PyExc_RuntimeError);
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const UserError& e) {
      user_error(faults_text(e).c_str());
    } catch (const RunError& e) {
      run_error(e.what());
    }
  });
}

}  // namespace

}  // namespace dagfusion

PYBIND11_MODULE(_dagfusion, m) {
  using namespace dagfusion;
  cv::setNumThreads(1);  // the flow graph has the threads
  describe_faults(m);
  py::class_<Pipeline>(m, "Pipeline")
      .def(py::init([](std::string file, std::vector<std::string> set, std::vector<std::string> add,
                       std::vector<std::string> remove, std::optional<std::string> resume, int threads) {
             return Pipeline{std::move(file),   std::move(set),    std::move(add),
                             std::move(remove), std::move(resume), threads};
           }),
           py::arg("file"), py::arg("set"), py::arg("add"), py::arg("remove"), py::arg("resume"),
           py::arg("threads"));
  m.def("run", &run_from_python);
  m.def("add_function_node", [](const std::string& name, const std::string& doc,
                                const std::vector<std::pair<std::string, std::string>>& ports,
                                py::object function, py::object backward, std::vector<std::int64_t> sides) {
    std::vector<FunctionInput> inputs;
    for (const auto& [port, spec] : ports) inputs.push_back({port, spec});
    add_function_node(name, doc, std::move(inputs), std::move(function), std::move(backward),
                      std::move(sides));
  });
  m.def("images", &images_as_array);
  m.def("columns", &columns);
  py::class_<LookedData>(m, "Pictures")
      .def(py::init(&look_at_data))
      .def_readonly("kind", &LookedData::kind)
      .def_readonly("classes", &LookedData::classes)
      .def_readonly("notes", &LookedData::notes)
      .def("__len__", [](const LookedData& data) { return data.count; })
      .def("picture", &picture)
      .def("label", [](const LookedData& data, std::int64_t number) { return data.label(number); });
}
