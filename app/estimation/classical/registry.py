"""Which mechanism each algorithm of each library has. The names are the libraries' own."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial

from app.estimation.classical import (
    clustering,
    decomposition,
    kernels,
    linear,
    neighbours,
    neural_cpu,
    perceptron,
    polars,
    statistics,
    text,
    transforms,
    trees,
    validation,
)
from app.estimation.classical.boosting import catboost, lightgbm, xgboost
from app.estimation.classical.histogram_boosting import hist_gradient_boosting
from app.estimation.classical.plan import Plan
from app.estimation.classical.task import Task

Mechanism = Callable[[Task], Plan]
LIKENESS = 0.8  # of names, from which on one is taken for another


def _reading(task: Task) -> Plan:
    """Reading is the data step of every job; there is nothing after it."""
    del task
    return Plan(family="reading", steps=())


def _forest(grower: trees.Grower) -> Mechanism:
    return lambda task: trees.forest(grower, task)


def _validated(task: Task) -> Plan:
    return validation.cross_validation(task, lambda inner: find(inner).mechanism(inner))


def _measured(mechanism: Mechanism, names: str) -> dict[str, Mechanism]:
    """Algorithms whose mechanism was measured, or that run the same code as one that was."""
    return dict.fromkeys(names.split(), mechanism)


def _alike(mechanism: Mechanism, names: str) -> dict[str, Mechanism]:
    """Algorithms taken to work like a measured one, without a measurement of their own: their interval is wide."""

    def unmeasured(task: Task) -> Plan:
        return replace(mechanism(task), measured=False)

    return dict.fromkeys(names.split(), unmeasured)


def _copying(copies: float) -> Mechanism:
    return partial(linear.copying, copies)


def _operation(operation: transforms.Operation) -> Mechanism:
    return transforms.as_plan(operation, "transforms")


LINEAR_MODELS: dict[str, Mechanism] = {
    **_measured(linear.linear_regression, "LinearRegression"),
    **_measured(linear.ridge, "Ridge"),
    **_alike(linear.ridge, "RidgeClassifier RidgeCV RidgeClassifierCV"),
    **_measured(linear.coordinate_descent, "Lasso ElasticNet HuberRegressor"),
    **_alike(linear.coordinate_descent, "MultiTaskLasso MultiTaskElasticNet Lars LassoLars"),
    **_measured(_copying(3), "BayesianRidge LassoCV"),
    **_alike(_copying(3), "ElasticNetCV ARDRegression TheilSenRegressor RANSACRegressor"),
    **_measured(linear.logistic_regression, "LogisticRegression"),
    **_alike(linear.logistic_regression, "PoissonRegressor GammaRegressor TweedieRegressor"),
    **_measured(_copying(1.1), "LogisticRegressionCV"),
    **_measured(linear.liblinear, "LinearSVC"),
    **_alike(linear.liblinear, "LinearSVR"),
    **_measured(linear.stochastic, "SGDClassifier SGDClassifier.partial_fit Perceptron"),
    **_alike(
        linear.stochastic, "SGDRegressor SGDRegressor.partial_fit SGDOneClassSVM PassiveAggressiveClassifier PassiveAggressiveRegressor"
    ),
    **_measured(linear.naive_bayes, "GaussianNB"),
    **_measured(linear.bernoulli_naive_bayes, "BernoulliNB"),
    **_alike(linear.counting_naive_bayes, "MultinomialNB ComplementNB CategoricalNB"),
    **_measured(_copying(4.5), "LinearDiscriminantAnalysis"),
    **_measured(_copying(2.5), "QuadraticDiscriminantAnalysis SelectKBest"),
}

TREE_MODELS: dict[str, Mechanism] = {
    **_measured(_forest(trees.RANDOM_FOREST), "RandomForestClassifier RandomForestRegressor BaggingClassifier"),
    **_alike(_forest(trees.RANDOM_FOREST), "BaggingRegressor"),
    **_measured(_forest(trees.EXTRA_TREES), "ExtraTreesClassifier ExtraTreesRegressor"),
    **_alike(_forest(trees.EXTRA_TREES), "RandomTreesEmbedding"),
    **_measured(_forest(trees.SINGLE_TREE), "DecisionTreeClassifier DecisionTreeRegressor"),
    **_alike(_forest(trees.SINGLE_TREE), "ExtraTreeClassifier ExtraTreeRegressor"),
    **_measured(trees.isolation_forest, "IsolationForest"),
    **_measured(trees.gradient_boosting, "GradientBoostingClassifier GradientBoostingRegressor AdaBoostClassifier"),
    **_alike(trees.gradient_boosting, "AdaBoostRegressor"),
    **_measured(hist_gradient_boosting, "HistGradientBoostingClassifier HistGradientBoostingRegressor"),
}

DISTANCE_MODELS: dict[str, Mechanism] = {
    **_measured(neighbours.nearest_neighbours, "KNeighborsClassifier KNeighborsRegressor NearestNeighbors"),
    **_alike(neighbours.nearest_neighbours, "RadiusNeighborsClassifier RadiusNeighborsRegressor NearestCentroid KernelDensity"),
    **_measured(partial(neighbours.all_neighbour_lists, 20), "LocalOutlierFactor"),
    **_alike(partial(neighbours.all_neighbour_lists, 20), "Isomap OPTICS LocallyLinearEmbedding"),
    **_measured(partial(neighbours.all_neighbour_lists, 120), "TSNE"),  # three times the usual perplexity, and gradients
    **_measured(kernels.support_vector_machine, "SVC SVR"),
    **_alike(kernels.support_vector_machine, "NuSVC NuSVR OneClassSVM"),
    **_measured(partial(kernels.complete_kernel, 3), "KernelRidge"),
    **_alike(partial(kernels.complete_kernel, 3), "KernelPCA"),
    **_measured(partial(kernels.complete_kernel, 9), "GaussianProcessRegressor"),
    **_alike(partial(kernels.complete_kernel, 9), "GaussianProcessClassifier"),
    **_measured(kernels.pairwise_distances, "pairwise_distances euclidean_distances"),
    **_alike(kernels.pairwise_distances, "pairwise_kernels cosine_similarity rbf_kernel"),
    **_measured(clustering.k_means, "KMeans"),
    **_alike(clustering.k_means, "BisectingKMeans"),
    **_measured(clustering.mini_batch_k_means, "MiniBatchKMeans"),
    **_alike(clustering.mini_batch_k_means, "Birch"),
    **_measured(clustering.gaussian_mixture, "GaussianMixture"),
    **_alike(clustering.gaussian_mixture, "BayesianGaussianMixture"),
    **_measured(clustering.dbscan, "DBSCAN"),
    **_alike(clustering.dbscan, "MeanShift"),
    **_measured(clustering.density_tree, "HDBSCAN"),
    **_measured(clustering.agglomerative, "AgglomerativeClustering"),
    **_alike(clustering.agglomerative, "FeatureAgglomeration"),
    **_measured(clustering.affinity, "SpectralClustering"),
    **_alike(clustering.affinity, "AffinityPropagation SpectralEmbedding MDS"),
}

DECOMPOSITIONS: dict[str, Mechanism] = {
    **_measured(decomposition.pca, "PCA"),
    **_measured(decomposition.incremental_pca, "IncrementalPCA"),
    **_alike(decomposition.incremental_pca, "MiniBatchNMF MiniBatchDictionaryLearning"),
    **_measured(decomposition.truncated_svd, "TruncatedSVD"),
    **_measured(decomposition.factorization, "NMF FastICA"),
    **_alike(decomposition.factorization, "FactorAnalysis DictionaryLearning LatentDirichletAllocation SparsePCA"),
}

PREPROCESSING: dict[str, Mechanism] = {
    **_measured(text.count_or_tfidf, "TfidfVectorizer CountVectorizer"),
    **_measured(text.hashing, "HashingVectorizer"),
    **_measured(_operation(transforms.split), "train_test_split"),
    **_measured(_operation(transforms.standard_scale), "StandardScaler scale"),
    **_alike(
        _operation(transforms.copy_transform),
        "MinMaxScaler MaxAbsScaler RobustScaler Normalizer SimpleImputer KNNImputer PowerTransformer QuantileTransformer KBinsDiscretizer"
        " Binarizer OrdinalEncoder TargetEncoder VarianceThreshold FunctionTransformer",
    ),
    **_measured(_operation(transforms.one_hot_encode), "OneHotEncoder"),
    **_measured(_operation(transforms.polynomial_features), "PolynomialFeatures"),
    **_alike(_operation(transforms.polynomial_features), "SplineTransformer"),
}

SCIKIT_LEARN: dict[str, Mechanism] = {
    **LINEAR_MODELS,
    **TREE_MODELS,
    **DISTANCE_MODELS,
    **DECOMPOSITIONS,
    **PREPROCESSING,
    **_measured(perceptron.multi_layer_perceptron, "MLPClassifier MLPRegressor"),
    **_measured(_validated, "cross_val_score GridSearchCV"),
    **_alike(
        _validated,
        "cross_validate cross_val_predict RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV learning_curve validation_curve",
    ),
}

PANDAS: dict[str, Mechanism] = {
    **_measured(_reading, "read_csv read_parquet"),
    **_alike(_reading, "read_feather read_table read_json read_excel read_sql DataFrame"),
    **_measured(_operation(transforms.get_dummies), "get_dummies"),
    **_measured(_operation(transforms.to_numpy), "to_numpy"),
    **_measured(_operation(transforms.sort_values), "sort_values"),
    **_alike(_operation(transforms.sort_values), "sort_index drop_duplicates dropna fillna copy"),
    **_measured(_operation(transforms.merge), "merge"),
    **_alike(_operation(transforms.merge), "join concat"),
    **_measured(_operation(transforms.groupby), "groupby groupby_mean"),
    **_alike(_operation(transforms.groupby), "groupby_agg pivot_table value_counts"),
}

POLARS: dict[str, Mechanism] = {
    **_measured(polars.reading, "read_csv read_parquet"),
    **_alike(polars.reading, "scan_csv scan_parquet read_ipc read_ndjson DataFrame"),
    **_measured(polars.sort, "sort"),
    **_alike(polars.sort, "unique drop_nulls fill_null clone with_columns"),
    **_measured(polars.join, "join"),
    **_alike(polars.join, "concat join_asof"),
    **_measured(polars.group, "group_by"),
    **_alike(polars.group, "pivot group_by_dynamic value_counts"),
    **_measured(polars.select_rows, "filter"),
    **_alike(polars.select_rows, "select sample head"),
}

XGBOOST: dict[str, Mechanism] = {
    **_measured(xgboost.external_matrix, "DMatrix train"),
    **_measured(xgboost.quantile_matrix, "QuantileDMatrix XGBClassifier XGBRegressor"),
    **_alike(xgboost.quantile_matrix, "XGBRanker XGBRFClassifier XGBRFRegressor"),
}
LIGHTGBM: dict[str, Mechanism] = {
    **_measured(lightgbm.boosting, "Dataset train LGBMClassifier LGBMRegressor"),
    **_alike(lightgbm.boosting, "LGBMRanker LGBMModel"),
}
CATBOOST: dict[str, Mechanism] = {
    **_measured(catboost.boosting, "CatBoostClassifier"),
    **_alike(catboost.boosting, "Pool train CatBoost CatBoostRegressor CatBoostRanker"),
}
STATSMODELS: dict[str, Mechanism] = {
    **_measured(statistics.least_squares, "OLS"),
    **_alike(statistics.least_squares, "WLS GLS RLM QuantReg MixedLM"),
    **_measured(statistics.likelihood, "Logit"),
    **_alike(statistics.likelihood, "Probit MNLogit Poisson NegativeBinomial"),
    **_measured(statistics.generalized_linear, "GLM"),
    **_alike(statistics.generalized_linear, "GEE"),
}
TORCH, KERAS = _measured(neural_cpu.torch_network, "MLP CNN"), _measured(neural_cpu.keras_network, "MLP CNN")

# Library -> its algorithms, and what is assumed of one that is not listed.
LIBRARIES: dict[str, tuple[dict[str, Mechanism], str]] = {
    "scikit-learn": (SCIKIT_LEARN, "LinearRegression"),
    "pandas": (PANDAS, "sort_values"),
    "polars": (POLARS, "sort"),
    "xgboost": (XGBOOST, "DMatrix"),
    "lightgbm": (LIGHTGBM, "Dataset"),
    "catboost": (CATBOOST, "CatBoostClassifier"),
    "statsmodels": (STATSMODELS, "OLS"),
    "pytorch": (TORCH, "MLP"),
    "keras": (KERAS, "MLP"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """The mechanism of an algorithm; `stands_for` names the algorithm it was taken from where the one asked for is not listed."""

    mechanism: Mechanism
    stands_for: str | None = None


def find(task: Task) -> Found:
    """The mechanism of the workload's algorithm: by its name, by one much like it, else a usual one that copies its table."""
    algorithms, fallback = LIBRARIES[task.workload.library]
    asked = task.workload.algorithm
    if asked in algorithms:
        return Found(algorithms[asked])
    by_spelling = {_plain(name): name for name in algorithms}
    if _plain(asked) in by_spelling:
        return Found(algorithms[by_spelling[_plain(asked)]])
    close = get_close_matches(_plain(asked), by_spelling, n=1, cutoff=LIKENESS)
    if close:
        name = by_spelling[close[0]]
        return Found(algorithms[name], stands_for=name)
    return Found(algorithms[fallback], stands_for=fallback)


def _plain(name: str) -> str:
    return name.rsplit(".", 1)[-1].replace("_", "").casefold() if not name.endswith(".partial_fit") else name.casefold()
