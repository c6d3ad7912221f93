// Starts Swagger UI on /docs. Scripts are deferred, so the bundle is there already.
(() => {
  "use strict";
  const place = document.getElementById("swagger");
  if (window.SwaggerUIBundle) window.SwaggerUIBundle({ domNode: place, url: place.dataset.schema, deepLinking: true });
})();
