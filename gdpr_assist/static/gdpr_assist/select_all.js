'use strict';
// A checkbox with data-covers ticks and unticks the boxes of that selector, in its table or else in the whole form, and
// loses its own tick when one of them loses its. What is ticked is counted, also what is on other pages (data-ticked).
(function() {
    const form = document.getElementById('results-form');
    if (!form) {
        return;
    }
    const covering = Array.from(form.querySelectorAll('[data-covers]'));
    const count = form.querySelector('.gdpr-count');

    function covered(box) {
        const scope = box.closest('.gdpr-table') || form;
        return Array.from(scope.querySelectorAll(box.dataset.covers));
    }

    function ticked(table) {
        const whole = table.querySelector('[name=all]:checked');
        return whole ? Number(whole.dataset.total)
            : Number(table.dataset.ticked) + table.querySelectorAll('[name=obj_pk]:checked').length;
    }

    function total() {
        const everything = form.querySelector('[name=everything]:checked');
        const tables = Array.from(form.querySelectorAll('.gdpr-table'));
        return everything ? Number(everything.dataset.total)
            : tables.reduce((sum, table) => sum + ticked(table), Number(form.dataset.ticked));
    }

    function update() {
        covering.forEach(function(box) {
            const boxes = covered(box);
            const checked = boxes.filter(each => each.checked).length;
            // One with a name stands for rows that are not shown too, so that only the user ticks it.
            box.checked = checked === boxes.length && (box.checked || !box.name);
            box.indeterminate = checked > 0 && !box.checked && !box.name;
        });
        form.querySelectorAll('[name=obj_pk]').forEach(function(box) {
            box.closest('tr').classList.toggle('selected', box.checked);
        });
        if (count) {
            count.querySelector('output').textContent = total();
        }
    }

    // Those without a name are hidden without JavaScript, where they would do nothing.
    covering.forEach(function(box) {
        box.hidden = covered(box).length === 0 && !box.name;
    });
    // One that was ticked on another page means the rows of this page, too.
    covering.filter(box => box.name && box.checked).forEach(function(box) {
        covered(box).forEach(function(each) {
            each.checked = true;
        });
    });
    if (count) {
        count.hidden = false;
    }
    form.addEventListener('change', function({target}) {
        if (target.dataset.covers) {
            covered(target).forEach(function(box) {
                box.checked = target.checked;
            });
        }
        update();
    });
    // Also when the browser brings the page back with its boxes ticked
    window.addEventListener('pageshow', update);
})();
