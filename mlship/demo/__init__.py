"""The first thing that a new user runs: two real models, a real model server, bounded traffic.

training      two scikit-learn models of the same digits, trained once and kept
protocol      Open Inference Protocol v2: body → rows, digits → body; pure
service       one loaded model behind that protocol, with faults on demand; no HTTP
model_server  that service over HTTP: `python -m mlship.demo.model_server`
traffic       a bounded, steady stream of requests: `python -m mlship.demo.traffic`
scenario      all of it in one folder, with the plan as a file to read and to change
"""
