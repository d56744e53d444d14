# Trains on digits, looks at the loss, draws, and reads a data set: python example.py TRAIN.yaml SAMPLE.yaml
import sys

import dagfusion

train, sample = sys.argv[1:]

report = dagfusion.run(train, ["run.output=runs/python"], progress=lambda p: print(p["steps"], p["loss"]))
print(report["outcome"], "after", report["steps"], "steps in", report["directory"])

loss = dagfusion.metrics(report["directory"])["loss"]
print("the loss went from", loss[0], "to", loss[-1])

images = dagfusion.images(sample, ["vars.checkpoint=" + report["directory"], "vars.count=8"])
print("drawn:", images.shape, images.dtype)

try:
    dagfusion.run(train, ["run.stepss=9"])
except dagfusion.UserError as error:
    print(error)
