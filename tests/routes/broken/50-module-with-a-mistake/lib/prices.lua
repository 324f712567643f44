local prices = { tea = 3 }
prices.coffee = prices.milk + 1
return prices
