"""Every method that bagbench ships: what it is, where it comes from and what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .base import Optimizer
from .bulk_and_cut import BulkAndCut
from .lemonade import Lemonade
from .mo_asha import MoAsha
from .mo_bananas import MoBananas, mo_bananas_sh
from .mo_bohb import MoBohb
from .mo_dehb import MoDehb
from .mo_hyperband import MoHyperband
from .mo_rea import MoRea
from .mo_reinforce import MoReinforce
from .ms_ehvi import MsEhvi
from .nash import Nash
from .nsga2 import Nsga2
from .parego import ParEgo
from .random_search import RandomSearch
from .sh_emoa import ShEmoa
from .wrapped_botorch import BotorchQLogNehvi
from .wrapped_optuna import optuna_gp, optuna_nsga2, optuna_tpe
from .wrapped_pymoo import PymooAgeMoea2, PymooSmsEmoa
from .wrapped_smac import SmacParEgo

OptimizerClass = Callable[..., Optimizer]
"""Called as ``Class(problem, *, seed, **options)``; a class, or a function that fixes some of its options."""

_SEED_PAPER = "Guerrero-Viu et al. 2021, arXiv 2105.01015"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One entry of the catalogue."""

    name: str
    idea: str
    """In one line."""
    source: str
    """Who proposed it, where."""
    needs: tuple[Literal["fidelities", "known objective"], ...] = ()
    """What a problem must offer for the method to be itself."""
    extra: str = ""
    """The extra of bagbench, or several with commas, that installs what it wraps; empty: none."""
    packages: tuple[str, ...] = ()
    """What must be installed for it, besides bagbench."""
    kind: Literal["faithful", "imitation"] = "faithful"
    """An imitation keeps the outer loop of a method that shares or inherits weights, which no table can answer."""
    optimizer: OptimizerClass


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            name="random-search",
            idea="scrambled Sobol points, each trained in full",
            source=_SEED_PAPER,
            optimizer=RandomSearch,
        ),
        Method(
            name="sh-emoa",
            idea="evolution with hypervolume selection that climbs a ladder of epochs, fewer offspring on each rung",
            source=f"{_SEED_PAPER}; survival after Beume, Naujoks, Emmerich 2007, EJOR 181(3)",
            needs=("fidelities",),
            optimizer=ShEmoa,
        ),
        Method(
            name="mo-bohb",
            idea="Hyperband whose configurations are drawn from a ratio of Parzen densities, good ones over bad ones",
            source=f"{_SEED_PAPER}; Falkner, Klein, Hutter 2018, ICML; Ozaki et al. 2020, GECCO",
            needs=("fidelities",),
            optimizer=MoBohb,
        ),
        Method(
            name="ms-ehvi",
            idea="Bayesian optimisation by expected hypervolume improvement, known objectives taken as known",
            source=f"{_SEED_PAPER}; closed form after Yang, Emmerich, Deutz, Baeck 2019, JOGO 75",
            needs=("known objective",),
            optimizer=MsEhvi,
        ),
        Method(
            name="mo-bananas",
            idea="of mutants of the best, an ensemble of neural predictors chooses those to train in full",
            source=f"{_SEED_PAPER}; White, Neiswanger, Savani 2021, AAAI",
            optimizer=MoBananas,
        ),
        Method(
            name="mo-bananas-sh",
            idea="mo-bananas whose choice climbs a ladder of epochs by successive halving",
            source=_SEED_PAPER,
            needs=("fidelities",),
            optimizer=mo_bananas_sh,
        ),
        Method(
            name="bulk-and-cut",
            idea="networks grow layer by layer and are cut down again; the learning rate by Bayesian optimisation",
            source=_SEED_PAPER,
            needs=("known objective",),
            kind="imitation",
            optimizer=BulkAndCut,
        ),
        Method(
            name="mo-reinforce",
            idea="policy gradient over the values of every parameter, rewarded by randomly weighted objectives",
            source="Zoph et al. 2018, arXiv 1707.07012; Hsu et al. 2018, arXiv 1806.10332; Williams 1992",
            optimizer=MoReinforce,
        ),
        Method(
            name="nash",
            idea="Pareto hill climbing by short trainings of deeper and wider neighbours; the best train on",
            source="Elsken, Metzen, Hutter 2017, arXiv 1711.04528",
            needs=("fidelities",),
            kind="imitation",
            optimizer=Nash,
        ),
        Method(
            name="lemonade",
            idea="the front breeds where it is thin in the cheap objectives; of many children few are trained",
            source="Elsken, Metzen, Hutter 2019, ICLR, arXiv 1804.09081",
            needs=("known objective",),
            kind="imitation",
            optimizer=Lemonade,
        ),
        Method(
            name="mo-rea",
            idea="evolution in which the oldest dies; parents win a tournament by front and crowding",
            source="Real, Aggarwal, Huang, Le 2019, arXiv 1802.01548; Pareto tournament as in NASLib and Syne Tune",
            optimizer=MoRea,
        ),
        Method(
            name="nsga2",
            idea="non-dominated sorting and crowding, for mixed and conditional spaces",
            source="Deb, Pratap, Agarwal, Meyarivan 2002, IEEE TEVC 6(2)",
            optimizer=Nsga2,
        ),
        Method(
            name="mo-asha",
            idea="asynchronous successive halving: the best of a rung is promoted whenever a worker is free",
            source="Schmucker, Donini, Zafar, Salinas, Archambeau 2021, arXiv 2106.12639; Li et al. 2020, MLSys",
            needs=("fidelities",),
            optimizer=MoAsha,
        ),
        Method(
            name="mo-hyperband",
            idea="random configurations through brackets of successive halving, by front and contribution",
            source="Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar 2018, JMLR 18(185)",
            needs=("fidelities",),
            optimizer=MoHyperband,
        ),
        Method(
            name="mo-dehb",
            idea="differential evolution on every rung of Hyperband, parents from the best of the rung below",
            source="Awad, Mallik, Hutter 2021, IJCAI, arXiv 2105.09821; multi-objective after MODEHB",
            needs=("fidelities",),
            optimizer=MoDehb,
        ),
        Method(
            name="parego",
            idea="Bayesian optimisation of a random augmented Chebyshev scalarisation, a new one for every trial",
            source="Knowles 2006, IEEE TEVC 10(1)",
            optimizer=ParEgo,
        ),
        Method(
            name="optuna-nsga2",
            idea="Optuna's NSGA-II sampler",
            source="Akiba et al. 2019, arXiv 1907.10902; Deb et al. 2002",
            extra="optuna",
            packages=("optuna",),
            optimizer=optuna_nsga2,
        ),
        Method(
            name="optuna-tpe",
            idea="Optuna's tree-structured Parzen estimator for several objectives",
            source="Akiba et al. 2019, arXiv 1907.10902; Ozaki et al. 2022, JAIR 73",
            extra="optuna",
            packages=("optuna",),
            optimizer=optuna_tpe,
        ),
        Method(
            name="optuna-gp",
            idea="Optuna's Gaussian processes with the logarithm of expected hypervolume improvement",
            source="Akiba et al. 2019, arXiv 1907.10902; Ament et al. 2023, NeurIPS, arXiv 2310.20708",
            extra="optuna,train",
            packages=("optuna", "torch"),
            optimizer=optuna_gp,
        ),
        Method(
            name="pymoo-sms-emoa",
            idea="pymoo's steady-state evolution with hypervolume selection",
            source="Blank, Deb 2020, IEEE Access 8; Beume, Naujoks, Emmerich 2007, EJOR 181(3)",
            extra="pymoo",
            packages=("pymoo",),
            optimizer=PymooSmsEmoa,
        ),
        Method(
            name="pymoo-age-moea2",
            idea="pymoo's evolution by the estimated geometry of the front",
            source="Blank, Deb 2020, IEEE Access 8; Panichella 2022, GECCO",
            extra="pymoo",
            packages=("pymoo", "numba"),
            optimizer=PymooAgeMoea2,
        ),
        Method(
            name="botorch-qlognehvi",
            idea="BoTorch's noisy expected hypervolume improvement, known objectives taken as known",
            source="Balandat et al. 2020, NeurIPS; Daulton, Balandat, Bakshy 2021, NeurIPS; Ament et al. 2023, NeurIPS",
            extra="botorch",
            packages=("botorch",),
            optimizer=BotorchQLogNehvi,
        ),
        Method(
            name="smac-parego",
            idea="SMAC's random forests on a random augmented Chebyshev scalarisation",
            source="Lindauer et al. 2022, JMLR 23(54); Knowles 2006, IEEE TEVC 10(1)",
            extra="smac",
            packages=("smac",),
            optimizer=SmacParEgo,
        ),
    )
}
