"""The faces of glassdex: command line now, HTTP and pages later. No logic of its own."""
