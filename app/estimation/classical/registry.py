"""Which mechanism each algorithm of each library has. The names are the libraries' own."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from app.estimation.classical import (
    clustering,
    decomposition,
    kernels,
    linear,
    neighbours,
    neural_cpu,
    perceptron,
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


def _named(mechanism: Mechanism, *names: str) -> dict[str, Mechanism]:
    return dict.fromkeys(names, mechanism)


SCIKIT_LEARN: dict[str, Mechanism] = {
    **_named(linear.linear_regression, "LinearRegression"),
    **_named(linear.ridge, "Ridge", "RidgeClassifier", "RidgeCV", "BayesianRidge", "ARDRegression"),
    **_named(linear.coordinate_descent, "Lasso", "ElasticNet", "LassoCV", "ElasticNetCV", "MultiTaskLasso", "Lars", "LassoLars"),
    **_named(
        linear.logistic_regression,
        "LogisticRegression",
        "LogisticRegressionCV",
        "PoissonRegressor",
        "GammaRegressor",
        "TweedieRegressor",
        "HuberRegressor",
    ),
    **_named(linear.liblinear, "LinearSVC", "LinearSVR"),
    **_named(
        linear.stochastic,
        "SGDClassifier",
        "SGDRegressor",
        "SGDClassifier.partial_fit",
        "SGDRegressor.partial_fit",
        "SGDOneClassSVM",
        "Perceptron",
        "PassiveAggressiveClassifier",
        "PassiveAggressiveRegressor",
    ),
    **_named(linear.naive_bayes, "GaussianNB", "LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"),
    **_named(linear.counting_naive_bayes, "MultinomialNB", "BernoulliNB", "ComplementNB", "CategoricalNB"),
    **_named(_forest(trees.RANDOM_FOREST), "RandomForestClassifier", "RandomForestRegressor", "BaggingClassifier", "BaggingRegressor"),
    **_named(_forest(trees.EXTRA_TREES), "ExtraTreesClassifier", "ExtraTreesRegressor", "RandomTreesEmbedding"),
    **_named(_forest(trees.SINGLE_TREE), "DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"),
    **_named(trees.isolation_forest, "IsolationForest"),
    **_named(trees.gradient_boosting, "GradientBoostingClassifier", "GradientBoostingRegressor", "AdaBoostClassifier", "AdaBoostRegressor"),
    **_named(hist_gradient_boosting, "HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
    **_named(
        neighbours.nearest_neighbours,
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "NearestNeighbors",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
        "NearestCentroid",
        "KernelDensity",
    ),
    **_named(neighbours.all_neighbour_lists, "LocalOutlierFactor", "Isomap", "OPTICS", "HDBSCAN", "TSNE", "LocallyLinearEmbedding"),
    **_named(kernels.support_vector_machine, "SVC", "SVR", "NuSVC", "NuSVR", "OneClassSVM"),
    **_named(kernels.complete_kernel, "KernelRidge", "GaussianProcessClassifier", "GaussianProcessRegressor", "KernelPCA"),
    **_named(kernels.pairwise_distances, "pairwise_distances", "pairwise_kernels", "cosine_similarity", "euclidean_distances"),
    **_named(clustering.k_means, "KMeans", "BisectingKMeans"),
    **_named(clustering.mini_batch_k_means, "MiniBatchKMeans", "Birch"),
    **_named(clustering.gaussian_mixture, "GaussianMixture", "BayesianGaussianMixture"),
    **_named(clustering.dbscan, "DBSCAN", "MeanShift"),
    **_named(clustering.agglomerative, "AgglomerativeClustering", "FeatureAgglomeration"),
    **_named(clustering.affinity, "SpectralClustering", "AffinityPropagation", "SpectralEmbedding", "MDS"),
    **_named(decomposition.pca, "PCA"),
    **_named(decomposition.incremental_pca, "IncrementalPCA", "MiniBatchNMF", "MiniBatchDictionaryLearning"),
    **_named(decomposition.truncated_svd, "TruncatedSVD"),
    **_named(
        decomposition.factorization, "NMF", "FastICA", "FactorAnalysis", "DictionaryLearning", "LatentDirichletAllocation", "SparsePCA"
    ),
    **_named(text.count_or_tfidf, "TfidfVectorizer", "CountVectorizer"),
    **_named(text.hashing, "HashingVectorizer"),
    **_named(perceptron.multi_layer_perceptron, "MLPClassifier", "MLPRegressor"),
    **_named(
        _validated,
        "cross_val_score",
        "cross_validate",
        "cross_val_predict",
        "GridSearchCV",
        "RandomizedSearchCV",
        "HalvingGridSearchCV",
        "HalvingRandomSearchCV",
        "learning_curve",
        "validation_curve",
    ),
    **_named(transforms.as_plan(transforms.split, "transforms"), "train_test_split"),
    **_named(transforms.as_plan(transforms.standard_scale, "transforms"), "StandardScaler", "scale"),
    **_named(
        transforms.as_plan(transforms.copy_transform, "transforms"),
        "MinMaxScaler",
        "MaxAbsScaler",
        "RobustScaler",
        "Normalizer",
        "SimpleImputer",
        "PowerTransformer",
        "QuantileTransformer",
        "KBinsDiscretizer",
        "Binarizer",
        "KNNImputer",
        "OrdinalEncoder",
        "TargetEncoder",
        "VarianceThreshold",
        "SelectKBest",
        "FunctionTransformer",
    ),
    **_named(transforms.as_plan(transforms.one_hot_encode, "transforms"), "OneHotEncoder"),
    **_named(transforms.as_plan(transforms.polynomial_features, "transforms"), "PolynomialFeatures", "SplineTransformer"),
}

PANDAS: dict[str, Mechanism] = {
    **_named(_reading, "read_csv", "read_parquet", "read_feather", "read_table", "read_json", "read_excel", "read_sql", "DataFrame"),
    **_named(transforms.as_plan(transforms.get_dummies, "transforms"), "get_dummies"),
    **_named(transforms.as_plan(transforms.to_numpy, "transforms"), "to_numpy", "values"),
    **_named(
        transforms.as_plan(transforms.sort_values, "transforms"), "sort_values", "sort_index", "drop_duplicates", "dropna", "fillna", "copy"
    ),
    **_named(transforms.as_plan(transforms.merge, "transforms"), "merge", "join", "concat"),
    **_named(transforms.as_plan(transforms.groupby, "transforms"), "groupby", "groupby_mean", "groupby_agg", "pivot_table", "value_counts"),
}

XGBOOST: dict[str, Mechanism] = {
    **_named(xgboost.external_matrix, "DMatrix", "train"),
    **_named(xgboost.quantile_matrix, "QuantileDMatrix", "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor"),
}
LIGHTGBM = _named(lightgbm.boosting, "Dataset", "train", "LGBMClassifier", "LGBMRegressor", "LGBMRanker", "LGBMModel")
CATBOOST = _named(catboost.boosting, "Pool", "train", "CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")
STATSMODELS = {
    **_named(statistics.least_squares, "OLS", "WLS", "GLS", "RLM", "QuantReg", "MixedLM"),
    **_named(statistics.likelihood, "Logit", "Probit", "MNLogit", "Poisson", "NegativeBinomial"),
    **_named(statistics.generalized_linear, "GLM", "GEE"),
}
TORCH, KERAS = _named(neural_cpu.torch_network, "MLP", "CNN"), _named(neural_cpu.keras_network, "MLP", "CNN")

# Library -> its algorithms, and what is assumed of one that is not listed.
LIBRARIES: dict[str, tuple[dict[str, Mechanism], str]] = {
    "scikit-learn": (SCIKIT_LEARN, "LinearRegression"),
    "pandas": (PANDAS, "sort_values"),
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
